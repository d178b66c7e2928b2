package ingest

import (
	_ "embed"
	"fmt"
	"net/url"
	"strings"
)

//go:embed data/sources.txt
var sourceNames string

// maxSourceWordBytes is the longest word of the list of sources; what is longer is not looked up.
const maxSourceWordBytes = 64

// Attribution is where a visit came from, in values fit to be dimensions ("" where there is none).
type Attribution struct {
	// Channel is one of the closed list of channels: "Direct" where nothing is known, never "".
	Channel string
	// Source is what Plausible calls it ("Google", "Facebook", …), else a tag's value or a registrable domain.
	Source   string
	Campaign string // utm_campaign
	Referrer string // host and path of the page before, without scheme, query and www

	UTMSource, UTMMedium, UTMContent, UTMTerm string
}

// sourceKind says to which rules of the channels a source belongs.
type sourceKind uint8

const (
	kindNone sourceKind = iota // a source that the list does not know, or no source
	kindSite
	kindSearch
	kindSocial
	kindVideo
	kindShopping
	kindMail
	kindAI
	kindReturn // no source: the visitor was sent there and comes back
	kindSpam   // no source: nobody comes from there
)

var sourceKinds = map[string]sourceKind{
	"site": kindSite, "search": kindSearch, "social": kindSocial, "video": kindVideo, "shopping": kindShopping,
	"mail": kindMail, "ai": kindAI, "return": kindReturn, "spam": kindSpam,
}

// knownSource is an entry of the list.
type knownSource struct {
	name string
	kind sourceKind
}

// sourceTag is what a value of utm_source means.
type sourceTag struct {
	source *knownSource
	paid   bool
}

// Sources names where visits come from. It may be used by several goroutines, and holds nothing of what it is asked.
type Sources struct {
	hosts  map[string]*knownSource // a host, for itself and those below it
	brands map[string]*knownSource // the name before com or a country's domain
	apps   map[string]*knownSource // the package of an Android app, in lower case
	tags   map[string]sourceTag    // in lower case
	clicks map[string]*clickID     // parameter → what it tells
}

// NewSources reads the list. An error is a mistake in the list.
func NewSources() (*Sources, error) { return readSources(sourceNames) }

func readSources(text string) (*Sources, error) {
	s := &Sources{
		hosts: map[string]*knownSource{}, brands: map[string]*knownSource{}, apps: map[string]*knownSource{},
		tags: map[string]sourceTag{}, clicks: map[string]*clickID{},
	}
	named := map[string]*knownSource{}
	for i, line := range strings.Split(text, "\n") {
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		head, words, ok := strings.Cut(line, ": ")
		kindName, name, ok2 := strings.Cut(head, " ")
		kind := sourceKinds[kindName]
		if !ok || !ok2 || kind == kindNone {
			return nil, fmt.Errorf("list of sources, line %d: want \"KIND NAME: WORDS\"", i+1)
		}
		if named[name] != nil {
			return nil, fmt.Errorf("list of sources, line %d: %s is there twice", i+1, name)
		}
		named[name] = &knownSource{name, kind}
		if err := s.addSource(named[name], words); err != nil {
			return nil, fmt.Errorf("list of sources, line %d: %w", i+1, err)
		}
	}
	for place, id := range clickIDs {
		id.place = place
		if id.known = named[id.network]; id.known == nil {
			return nil, fmt.Errorf("list of sources: the network %s of %s is missing", id.network, id.key)
		}
		s.clicks[id.key] = &id
	}
	return s, nil
}

// addSource enters the words of one line.
func (s *Sources) addSource(source *knownSource, words string) error {
	tagged := source.kind != kindReturn && source.kind != kindSpam
	nameTag := tagged
	for word := range strings.SplitSeq(words, ",") {
		word = strings.TrimSpace(word)
		if len(word) > maxSourceWordBytes || word != strings.ToLower(word) {
			return fmt.Errorf("%q is too long or not in lower case", word)
		}
		var err error
		switch {
		case word == "-":
			nameTag = false
		case word == "":
			err = fmt.Errorf("an empty word")
		case word[0] == '=':
			err = s.addTag(word[1:], sourceTag{source, false})
		case word[0] == '+':
			err = s.addTag(word[1:], sourceTag{source, true})
		case word[0] == '@':
			err = addWord(s.apps, word[1:], source)
		case strings.HasSuffix(word, ".*"):
			err = addWord(s.brands, strings.TrimSuffix(word, ".*"), source)
		default:
			err = addWord(s.hosts, word, source)
		}
		if err != nil {
			return err
		}
	}
	if name := strings.ToLower(source.name); nameTag {
		return s.addTag(name, sourceTag{source, false})
	}
	return nil
}

func (s *Sources) addTag(word string, tag sourceTag) error {
	if old, twice := s.tags[word]; twice && old != tag {
		return fmt.Errorf("=%s is also %s", word, old.source.name)
	}
	s.tags[word] = tag
	return nil
}

func addWord(words map[string]*knownSource, word string, source *knownSource) error {
	if old, twice := words[word]; twice {
		return fmt.Errorf("%s is also %s", word, old.name)
	}
	words[word] = source
	return nil
}

// byHost is the source that a cleaned host belongs to, or nil. The longest host that fits holds, then the name before
// a country's domain.
func (s *Sources) byHost(host string) *knownSource {
	for rest := host; ; {
		if known := s.hosts[rest]; known != nil {
			return known
		}
		_, after, ok := strings.Cut(rest, ".")
		if !ok {
			break
		}
		rest = after
	}
	return s.brands[brandOf(host)]
}

// brandOf is "example" of www.example.com, example.de, example.co.uk and example.com.br, and "" of other hosts: of a
// generic domain such as example.shop anybody can be the owner.
func brandOf(host string) string {
	rest, top := cutLastLabel(host)
	if top != "com" && len(top) != 2 {
		return ""
	}
	rest, label := cutLastLabel(rest)
	if len(top) == 2 && (label == "co" || label == "com") && rest != "" {
		_, label = cutLastLabel(rest)
	}
	return label
}

// cutLastLabel splits "a.b.c" into "a.b" and "c", and "c" into "" and "c".
func cutLastLabel(host string) (rest, label string) {
	if i := strings.LastIndexByte(host, '.'); i >= 0 {
		return host[:i], host[i+1:]
	}
	return "", host
}

// byApp is the source that an Android app belongs to, or nil.
func (s *Sources) byApp(id string) *knownSource {
	for id != "" {
		if known := s.apps[id]; known != nil {
			return known
		}
		id, _ = cutLastLabel(id)
	}
	return nil
}

// byTag is what a value of utm_source, source or ref means: an entry of the list, named or given by its host. ok is
// false where the list does not have it. Case and spaces around it do not matter.
func (s *Sources) byTag(value string) (tag sourceTag, ok bool) {
	var buf [maxSourceWordBytes]byte
	value = strings.TrimSpace(value)
	if len(value) > len(buf) {
		return sourceTag{}, false
	}
	dot := false
	for i := range len(value) {
		c := value[i]
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		dot = dot || c == '.'
		buf[i] = c
	}
	if tag, ok = s.tags[string(buf[:len(value)])]; ok || !dot {
		return tag, ok
	}
	host, err := cleanHost(value)
	if err != nil {
		return sourceTag{}, false
	}
	known := s.byHost(host)
	if known == nil || known.kind == kindReturn || known.kind == kindSpam {
		return sourceTag{}, false
	}
	return sourceTag{known, false}, true
}

// clickID is a parameter that an advertising network or a platform adds to links.
type clickID struct {
	key     string
	network string // name in the list of sources
	// paid: only links of advertisements have it. Others are added to every link, also to those that people copy
	// elsewhere, so they tell the source only where there is no referrer.
	paid  bool
	place int          // in clickIDs
	known *knownSource // these two are filled by readSources
}

// clickIDs are the parameters, from the documentation of each network. The first that a query has holds.
var clickIDs = [...]clickID{
	{key: "gclid", network: "Google", paid: true},
	{key: "gbraid", network: "Google", paid: true}, // iOS, web to app
	{key: "wbraid", network: "Google", paid: true}, // iOS, app to web
	{key: "gad_source", network: "Google", paid: true},
	{key: "dclid", network: "DoubleClick", paid: true},
	{key: "msclkid", network: "Bing", paid: true},
	{key: "ttclid", network: "TikTok", paid: true},
	{key: "twclid", network: "Twitter", paid: true},
	{key: "li_fat_id", network: "LinkedIn", paid: true},
	{key: "rdt_cid", network: "Reddit", paid: true},
	{key: "ScCid", network: "Snapchat", paid: true},
	{key: "yclid", network: "Yandex", paid: true},
	{key: "qclid", network: "Quora", paid: true},
	{key: "tblci", network: "Taboola", paid: true},
	{key: "dicbo", network: "Outbrain", paid: true},
	{key: "fbclid", network: "Facebook"},
	{key: "srsltid", network: "Google"}, // Merchant Center's auto-tagging, in results that nobody paid for
	{key: "igshid", network: "Instagram"},
	{key: "igsh", network: "Instagram"},
	{key: "epik", network: "Pinterest"},
}

// click is the parameter of a click that the query has, or nil; of several, the first of clickIDs.
func (s *Sources) click(query url.Values) *clickID {
	var first *clickID
	for key, values := range query {
		if at, ok := s.clicks[key]; ok && len(values) > 0 && values[0] != "" && (first == nil || at.place < first.place) {
			first = at
		}
	}
	return first
}

// noSourceTags are values that reports write for no source; links that were copied from such reports have them.
var noSourceTags = [...]string{"(direct)", "direct / none", "(none)", "(not set)", "null", "undefined", "none"}

// taggedSource is the first of utm_source, source and ref that the query has, not cleaned.
func taggedSource(query url.Values) string {
	for _, key := range [...]string{"utm_source", "source", "ref"} {
		if v := strings.TrimSpace(query.Get(key)); v != "" && !isOneOf(v, noSourceTags[:]) {
			return v
		}
	}
	return ""
}

// isOneOf reports whether s is one of the words, which are ASCII, without regard to case.
func isOneOf(s string, words []string) bool {
	for _, w := range words {
		if len(s) == len(w) && strings.EqualFold(s, w) {
			return true
		}
	}
	return false
}

// Attribute says where a visit came from whose first page is at pageHost (cleaned) with that page's query (nil for
// none; not cleaned) and that referrer (raw, as in the Referer header or document.referrer).
//
// The source is utm_source, else source, else ref, else the network of a paid click's id where the referrer is not
// known to be a source, else the referrer. A referrer is none where it is the page's own host or localhost
// (Plausible's rule), an address instead of a name, or a page that visitors are sent to and come back from (payment,
// sign-in). A referrer that the list does not know is named by its registrable domain: Plausible keeps the whole
// host, which for us is in Referrer, while a source is one thing to its owner however many hosts it has, and the
// number of sources a day is limited.
func (s *Sources) Attribute(pageHost string, query url.Values, referrer string) Attribution {
	a, _ := s.attribute(pageHost, query, referrer)
	return a
}

// attribute is Attribute, and reports whether the referrer is a page that nobody comes from: programs send such hits, so that
// owners of sites look at it.
func (s *Sources) attribute(pageHost string, query url.Values, referrer string) (a Attribution, spam bool) {
	a = Attribution{
		Campaign: cleanTag(query, "utm_campaign"), UTMSource: cleanTag(query, "utm_source"),
		UTMMedium: cleanTag(query, "utm_medium"), UTMContent: cleanTag(query, "utm_content"),
		UTMTerm: cleanTag(query, "utm_term"),
	}
	f := facts{medium: a.UTMMedium, campaign: a.Campaign}
	var known *knownSource
	r := readReferrer(referrer)
	if r.valid && !isOwnHost(r.host, pageHost) {
		if r.app {
			known = s.byApp(r.host)
		} else {
			known = s.byHost(r.host)
		}
		if known == nil || known.kind != kindReturn && known.kind != kindSpam {
			a.Referrer = r.text()
		} else {
			known, spam = nil, known.kind == kindSpam
		}
	}
	click := s.click(query)
	f.paidClick = click != nil && click.paid
	switch tagged := taggedSource(query); {
	case tagged != "":
		f.tag = tagged
		if tag, ok := s.byTag(tagged); ok {
			known, f.paidTag = tag.source, tag.paid
		} else {
			known, a.Source = nil, cleanText(tagged)
		}
	case click != nil && known == nil && (click.paid || a.Referrer == ""):
		known = click.known
	case known == nil && a.Referrer != "":
		a.Source = r.source()
	}
	if known != nil {
		a.Source, f.kind = known.name, known.kind
	}
	f.source = a.Source
	a.Channel = channelOf(f)
	return a, spam
}

// cleanTag is a value of the query as it may be kept. What reports write for none is none.
func cleanTag(query url.Values, key string) string {
	if len(query) == 0 {
		return ""
	}
	v := query.Get(key)
	if v == "" || isOneOf(strings.TrimSpace(v), noSourceTags[:]) {
		return ""
	}
	return cleanText(v)
}
