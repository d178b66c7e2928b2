package dashboard

import (
	"hash/fnv"
	"io"
	"strconv"
	"strings"
	"time"

	"turf/dashboard/stats"
	"turf/schema"
)

// Paths of goals in the Sites API.
const (
	goalsPath = sitesPath + "/goals"
	goalPath  = goalsPath + "/:goal_id"
)

// goalAnswer is a goal on the wire. scroll_threshold is how much of the page must be seen, in percent; -1: a view is enough.
type goalAnswer struct {
	ID     string            `json:"id"`
	Name   string            `json:"display_name"`
	Type   string            `json:"goal_type"` // event or page
	Event  *string           `json:"event_name"`
	Page   *string           `json:"page_path"`
	Scroll int               `json:"scroll_threshold"`
	Props  map[string]string `json:"custom_props"`
	Since  *time.Time        `json:"counted_since,omitempty"` // our own; missing where it is always counted

	Currency string `json:"currency,omitempty"` // of the amounts that are added up; our own
	Domain   string `json:"domain,omitempty"`
}

func tellGoal(g *schema.Goal) goalAnswer {
	id := fnv.New64a()
	io.WriteString(id, g.Key()) //nolint:errcheck // it never fails
	a := goalAnswer{
		ID: strconv.FormatUint(id.Sum64(), 10), Name: g.Name, Type: "event", Event: &g.Event, Scroll: -1, Props: map[string]string{},
		Currency: g.Currency,
	}
	if g.Page != "" {
		a.Type, a.Event, a.Page = "page", nil, &g.Page
	}
	if g.Scroll > 0 {
		a.Scroll = g.Scroll
	}
	if g.Counted() {
		a.Since = &g.Since
	}
	return a
}

func (d *Dashboard) listGoals(p *provisioning) (any, error) {
	return listDeclared(d, p, "goals", goalsOf, tellGoal, func(g *goalAnswer) string { return g.Name })
}

// readGoal reads the goal that is to be there.
func (p *provisioning) readGoal() (schema.Goal, error) {
	g := schema.Goal{Name: p.fields["display_name"], Currency: p.fields["currency"]}
	for name, value := range p.fields {
		// To count such a goal without what it asks for would be a wrong number.
		if prop, asks := strings.CutPrefix(name, "custom_props."); asks && prop != "" || name == "custom_props" && value != "" {
			return g, &stats.InvalidError{Field: "custom_props", Reason: "goals are not counted by a property. Declare a segment, or ask for " +
				"the event by event:props"}
		}
	}
	switch p.fields["goal_type"] {
	case "event":
		if g.Event = p.fields["event_name"]; g.Event == "" {
			return g, &stats.InvalidError{Field: "event_name", Reason: "is required"}
		}
	case "page":
		if g.Page = p.fields["page_path"]; g.Page == "" {
			return g, &stats.InvalidError{Field: "page_path", Reason: "is required"}
		}
		if s := p.fields["scroll_threshold"]; s != "" && s != "-1" {
			var err error
			if g.Scroll, err = strconv.Atoi(s); err != nil {
				return g, &stats.InvalidError{Field: "scroll_threshold", Reason: "it is a number from 1 to 100"}
			}
		}
	default:
		return g, &stats.InvalidError{Field: "goal_type", Reason: "it is event or page"}
	}
	if g.Name == "" {
		g.Name = g.DefaultName()
	}
	return g, nil
}

// putGoal declares a goal, or finds it: declaring it again is no mistake.
func (d *Dashboard) putGoal(p *provisioning) (any, error) {
	site, err := d.site(p)
	if err != nil {
		return nil, err
	}
	goal, err := p.readGoal()
	if err != nil {
		return nil, err
	}
	site, goal, err = declare(d, p, &site, goalsOf, goal, func(g *schema.Goal) bool { return g.Key() == goal.Key() })
	if err != nil {
		return nil, err
	}
	told := tellGoal(&goal)
	told.Domain = site.Domain
	return told, nil
}

func (d *Dashboard) deleteGoal(p *provisioning) (any, error) {
	return takeBack(d, p, "Goal", goalsOf, func(g *schema.Goal) bool { return tellGoal(g).ID == p.fields["goal_id"] })
}

func goalsOf(s *schema.Site) *[]schema.Goal { return &s.Goals }
