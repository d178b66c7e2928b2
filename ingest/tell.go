package ingest

import (
	"strings"

	"turf/aggregate"
	"turf/schema"
)

// The functions of the column tell of steps. None of them says anything that the event does not hold.

func tellSite(h *hit) string {
	if h.site.ID == 0 {
		return ""
	}
	return h.site.Domain + ", time zone " + h.site.Timezone
}

func tellRobots(h *hit) string {
	if h.agent.Robot != "" {
		return "a robot or program: " + h.agent.Robot
	}
	if h.dropped != Passed {
		return ""
	}
	return "no robot"
}

func tellObjection(h *hit) string {
	switch {
	case h.rules == nil || !h.rules.strict:
		return "not asked for: the site's profile is " + schema.ProfileStandard
	case h.dropped != Passed:
		return ""
	}
	return "none"
}

func tellNetwork(h *hit) string {
	if h.dropped != Passed {
		return ""
	}
	return "not excluded, and not in a list of data centres"
}

func tellPlace(h *hit) string {
	return tellValues(h, "not known", schema.Country, schema.Region, schema.City)
}

func tellDevice(h *hit) string {
	return tellValues(h, "not known", schema.Device, schema.Browser, schema.BrowserVersion, schema.OS, schema.OSVersion,
		schema.Language, schema.ScreenWidth)
}

func tellPage(h *hit) string { return h.event.Values[schema.Hostname] + h.event.Values[schema.Path] }

func tellEvent(h *hit) string {
	switch h.event.Kind {
	case aggregate.Pageview:
		return "a page view"
	case aggregate.Engagement:
		return "engagement: goes on with a visit"
	case aggregate.Vitals:
		return "web vitals: how fast the page was" + tellVitals(h)
	}
	text := "the event " + h.event.Values[schema.EventName]
	for _, p := range h.event.Props {
		text += ", " + p.Name + " " + p.Value
	}
	return text
}

func tellSource(h *hit) string {
	switch h.event.Kind {
	case aggregate.Engagement:
		return "none: engagement begins no visit"
	case aggregate.Vitals:
		return "none: web vitals begin no visit"
	}
	return tellValues(h, "", schema.Channel, schema.Source, schema.Campaign, schema.Referrer,
		schema.UTMSource, schema.UTMMedium, schema.UTMContent, schema.UTMTerm)
}

func tellVisitor(h *hit) string {
	return "a key that holds until the end of " + h.event.Day.String() + ", from a salt that is then forgotten"
}

func tellRate(h *hit) string {
	return "page views a minute are counted where hits come as they happen"
}

// tellValues is "name value, name value" of the dimensions that have one.
func tellValues(h *hit, none string, dims ...schema.Dimension) string {
	var words []string
	for _, d := range dims {
		if v := h.event.Values[d]; v != "" {
			words = append(words, schema.Dimensions[d].Title+" "+v)
		}
	}
	if words == nil {
		return none
	}
	return strings.Join(words, ", ")
}
