package reports

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"turf/schema"
)

// Cohort is a set of people: those of whom all rules hold, or with Any those of whom one does. Rules that are about a time
// mean the question's period unless they say otherwise.
type Cohort struct {
	Name  string `json:"name,omitempty"`
	Any   bool   `json:"any,omitempty"`
	Rules []Rule `json:"rules"`
}

// Rule is one of: did something, was first seen in a period, has a property.
type Rule struct {
	// Did is what they did at least AtLeast times (default 1) and at most AtMost times (nil: any number). AtMost 0: they never did.
	Did     *Match `json:"did,omitempty"`
	AtLeast *int   `json:"at_least,omitempty"`
	AtMost  *int   `json:"at_most,omitempty"`
	// LastDays is in how many of the last days of the question's period. 0: in the period.
	LastDays int `json:"last_days,omitempty"`
	// FirstSeen is when their first event of all that is kept must lie.
	FirstSeen *Range `json:"first_seen,omitempty"`
	// Has is a condition that an event of theirs in the period meets.
	Has *Condition `json:"has,omitempty"`
	// Not turns the rule round.
	Not bool `json:"not,omitempty"`
}

// maxTimes is how often something can be asked to have been done.
const maxTimes = 1_000_000

func (c *Cohort) check(field string) error {
	if c == nil {
		return nil
	}
	if len(c.Rules) == 0 || len(c.Rules) > MaxCohortRules {
		return invalid(field+".rules", "there are %d, and can be 1 to %d", len(c.Rules), MaxCohortRules)
	}
	for i := range c.Rules {
		if err := c.Rules[i].check(fmt.Sprintf("%s.rules[%d]", field, i)); err != nil {
			return err
		}
	}
	return nil
}

func (r *Rule) check(field string) error {
	kinds := 0
	for _, is := range []bool{r.Did != nil, r.FirstSeen != nil, r.Has != nil} {
		if is {
			kinds++
		}
	}
	switch {
	case kinds != 1:
		return invalid(field, "a rule has one of did, first_seen and has")
	case r.Did == nil && (r.AtLeast != nil || r.AtMost != nil || r.LastDays != 0):
		return invalid(field, "at_least, at_most and last_days belong to did")
	case r.LastDays < 0 || r.LastDays > MaxSpanDays:
		return invalid(field+".last_days", "it is from 1 to %d", MaxSpanDays)
	}
	if r.Has != nil {
		return r.Has.check(field + ".has")
	}
	if r.Did == nil {
		return nil
	}
	for _, n := range []*int{r.AtLeast, r.AtMost} {
		if n != nil && (*n < 0 || *n > maxTimes) {
			return invalid(field, "at_least and at_most are from 0 to %d", maxTimes)
		}
	}
	if r.AtMost != nil && r.least() > *r.AtMost {
		return invalid(field, "at_least is more than at_most")
	}
	return r.Did.check(field+".did", true)
}

// least is how often something was done at least.
func (r *Rule) least() int {
	switch {
	case r.AtLeast != nil:
		return *r.AtLeast
	case r.AtMost != nil:
		return 0
	}
	return 1
}

// cohortPeople is the subquery of the people in the cohort, of all who did anything in the period. first_seen looks at all
// that is kept, so such a cohort reads everything of the site.
func (w *writer) cohortPeople(c *Cohort, s span) (string, error) {
	var rules []string
	inPeriod := w.during(s.from, s.to)
	from := s.from
	for i := range c.Rules {
		if c.Rules[i].FirstSeen != nil {
			from = time.Time{}
		}
	}
	for i := range c.Rules {
		rule, err := w.rule(&c.Rules[i], s)
		if err != nil {
			return "", err
		}
		rules = append(rules, rule)
	}
	joint := " AND "
	if c.Any {
		joint = " OR "
	}
	where := w.events(from, s.to)
	having := "(" + strings.Join(rules, joint) + ")"
	if from.IsZero() {
		having = "countIf(" + inPeriod + ") > 0 AND " + having
	}
	return "SELECT person\n" + where + "GROUP BY person\nHAVING " + having, nil
}

func (w *writer) rule(r *Rule, s span) (string, error) {
	sql := ""
	switch {
	case r.Did != nil:
		from := s.from
		if r.LastDays > 0 {
			from = (s.last - schema.Day(r.LastDays) + 1).Start(s.loc)
			if from.Before(s.from) {
				return "", invalid("cohort", "last_days of %d are more than the date_range has", r.LastDays)
			}
		}
		times := "countIf(" + w.match(r.Did) + " AND " + w.during(from, s.to) + ")"
		sql = times + " >= " + strconv.Itoa(r.least())
		if r.AtMost != nil {
			sql += " AND " + times + " <= " + strconv.Itoa(*r.AtMost)
		}
	case r.FirstSeen != nil:
		first, err := s.resolve(*r.FirstSeen)
		if err != nil {
			return "", err
		}
		sql = "min(time) >= " + w.instant(first.from) + " AND min(time) < " + w.instant(first.to)
	default:
		sql = "countIf(" + w.condition(r.Has) + " AND " + w.during(s.from, s.to) + ") > 0"
	}
	if r.Not {
		return "NOT (" + sql + ")", nil
	}
	return "(" + sql + ")", nil
}
