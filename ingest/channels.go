package ingest

import "strings"

// facts is what the rules of the channels look at. The strings are as the link has them, cleaned; the rules do not
// regard case.
type facts struct {
	kind      sourceKind
	source    string // name of the source, "" for none
	tag       string // value of utm_source, source or ref as it was written
	medium    string
	campaign  string
	paidTag   bool // the tag is one that advertisements have, such as "fb-ads"
	paidClick bool // the id of a paid click is there
}

// channelRule says which visits belong to a channel.
type channelRule struct {
	channel string
	match   func(facts) bool
}

// channelRules is the table of all channels; the first rule that matches holds. The rules are those of the default
// channel group of Google Analytics 4 (support.google.com/analytics/answer/9756891) as Plausible adapts them
// (plausible.io/docs/top-referrers):
//   - paid is also what a paid tag or the id of a paid click says, since only Google knows which of its own clicks
//     were paid;
//   - assistants have a channel of their own, by Plausible's name for it;
//   - a source of no known kind is a referral, and nothing is "Unassigned";
//   - what has neither source nor medium that a rule knows is direct.
var channelRules = [...]channelRule{
	{"Cross-network", func(f facts) bool {
		return hasFold(f.campaign, "cross-network") || strings.EqualFold(f.medium, "cross-network")
	}},
	{"Paid Shopping", func(f facts) bool { return (f.kind == kindShopping || isShopCampaign(f.campaign)) && f.paid() }},
	{"Paid Search", func(f facts) bool { return f.kind == kindSearch && f.paid() }},
	{"Paid Social", func(f facts) bool { return f.kind == kindSocial && f.paid() }},
	{"Paid Video", func(f facts) bool { return f.kind == kindVideo && f.paid() }},
	{"Display", func(f facts) bool { return isOneOf(f.medium, displayMediums[:]) }},
	{"Paid Other", facts.paid},
	{"AI Assistants", func(f facts) bool { return f.kind == kindAI || isOneOf(f.medium, aiMediums[:]) }},
	{"Organic Shopping", func(f facts) bool { return f.kind == kindShopping || isShopCampaign(f.campaign) }},
	{"Organic Social", func(f facts) bool { return f.kind == kindSocial || isOneOf(f.medium, socialMediums[:]) }},
	{"Organic Video", func(f facts) bool { return f.kind == kindVideo || hasFold(f.medium, "video") }},
	{"Organic Search", func(f facts) bool { return f.kind == kindSearch || strings.EqualFold(f.medium, "organic") }},
	{"Email", func(f facts) bool {
		return f.kind == kindMail || isOneOf(f.tag, emailWords[:]) || isOneOf(f.medium, emailWords[:])
	}},
	{"Affiliates", func(f facts) bool { return isOneOf(f.medium, affiliateMediums[:]) }},
	{"Audio", func(f facts) bool { return strings.EqualFold(f.medium, "audio") }},
	{"SMS", func(f facts) bool { return strings.EqualFold(f.tag, "sms") || strings.EqualFold(f.medium, "sms") }},
	{"Mobile Push Notifications", func(f facts) bool {
		return strings.EqualFold(f.tag, "firebase") || isPushMedium(f.medium)
	}},
	{"Referral", func(f facts) bool { return f.source != "" || isOneOf(f.medium, referralMediums[:]) }},
	{"Direct", func(facts) bool { return true }},
}

var (
	displayMediums   = [...]string{"display", "banner", "expandable", "interstitial", "cpm"}
	aiMediums        = [...]string{"ai-assistant", "ai-assistants", "ai assistant", "ai_assistant"}
	socialMediums    = [...]string{"social", "social-network", "social-media", "sm", "social network", "social media"}
	emailWords       = [...]string{"email", "e-mail", "e_mail", "e mail", "newsletter"}
	affiliateMediums = [...]string{"affiliate", "affiliates"}
	referralMediums  = [...]string{"referral", "app", "link"}
)

// channelOf is the channel of a visit.
func channelOf(f facts) string {
	for i := range channelRules {
		if channelRules[i].match(f) {
			return channelRules[i].channel
		}
	}
	panic("BUG: the last rule of the channels matches everything")
}

// paid reports whether somebody paid for the visit: Google's expression for the medium is
// ^(.*cp.*|ppc|retargeting|paid.*)$.
func (f facts) paid() bool {
	m := f.medium
	return f.paidTag || f.paidClick || m != "" && (hasFold(m, "cp") || strings.EqualFold(m, "ppc") ||
		strings.EqualFold(m, "retargeting") || len(m) >= len("paid") && strings.EqualFold(m[:len("paid")], "paid"))
}

// isPushMedium is Google's rule: ends with "push", or has "mobile" or "notification" in it.
func isPushMedium(m string) bool {
	const push = "push"
	return len(m) >= len(push) && strings.EqualFold(m[len(m)-len(push):], push) ||
		hasFold(m, "mobile") || hasFold(m, "notification")
}

// isShopCampaign is Google's expression ^(.*(([^a-df-z]|^)shop|shopping).*)$: "shopping", or "shop" with no letter
// but e before it.
func isShopCampaign(campaign string) bool {
	for i := 0; ; {
		at := indexFold(campaign[i:], "shop")
		if at < 0 {
			return false
		}
		at += i
		if at == 0 || !isLetter(campaign[at-1]) || campaign[at-1]|0x20 == 'e' ||
			hasFold(campaign[at:min(len(campaign), at+len("shopping"))], "shopping") {
			return true
		}
		i = at + 1
	}
}

// hasFold reports whether word, which is ASCII, stands in s without regard to case.
func hasFold(s, word string) bool { return indexFold(s, word) >= 0 }

func indexFold(s, word string) int {
	for i := 0; i+len(word) <= len(s); i++ {
		if s[i]|0x20 == word[0]|0x20 && strings.EqualFold(s[i:i+len(word)], word) {
			return i
		}
	}
	return -1
}
