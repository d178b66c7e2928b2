package stats_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"turf/dashboard/stats"
	"turf/schema"
	"turf/schema/clickhouse/clickhousetest"
)

// buttonsOf says what is declared, the rest are other buttons.
var buttonsOf = []string{"menu", "buy", "help", "rare", "never"}

// TestButtonsEqualReckoning clicks at random on two days, through the core and the engine, and reckons the same from the list of
// clicks. On a third day more buttons are clicked on than values are kept: which of the declared ones were is not said any more.
func TestButtonsEqualReckoning(t *testing.T) {
	db := clickhousetest.Empty(t)
	s := &script{t: t, db: db, now: time.Date(2026, 7, 4, 12, 0, 0, 0, time.UTC), site: schema.Site{
		ID: 1, Domain: "example.com", Timezone: "Europe/Amsterdam", Settings: &schema.Settings{Buttons: buttonsOf},
	}}
	r := rand.New(rand.NewPCG(5, 5))
	names := append(slices.Clone(buttonsOf[:4]), "footer", "logo")
	clicks := map[string]int64{}
	visitors := map[string]map[string]bool{} // a visitor counts once on each day
	for day := 1; day <= 2; day++ {
		var lines []string
		for i := range 600 {
			name, who := names[min(r.IntN(len(names)), r.IntN(len(names)))], fmt.Sprintf("v%d", r.IntN(80))
			lines = append(lines, fmt.Sprintf("08:%02d:%02d %s do Click props:element=%s props:page=help", i/60, i%60, who, name))
			if i%7 == 0 {
				lines = append(lines, fmt.Sprintf("08:%02d:%02d %s do Press props:element=never", i/60, i%60, who))
			}
			clicks[name]++
			if visitors[name] == nil {
				visitors[name] = map[string]bool{}
			}
			visitors[name][fmt.Sprint(day, who)] = true
		}
		s.count(fmt.Sprint(day), fmt.Sprintf("2026-07-0%d", day), lines)
	}
	reckoned := func(names []string) (buttons []stats.Button) {
		for _, name := range names {
			buttons = append(buttons, stats.Button{
				Element: name, Clicks: clicks[name], Visitors: int64(len(visitors[name])), Never: clicks[name] == 0,
			})
		}
		slices.SortFunc(buttons, func(x, y stats.Button) int { return cmp.Compare(y.Clicks, x.Clicks) })
		return buttons
	}
	answer := s.buttons(1, 2)
	if want := reckoned(buttonsOf); !slices.Equal(answer.Declared, want) {
		t.Errorf("declared: %v, want %v", answer.Declared, want)
	}
	if want := reckoned(names[4:]); !slices.Equal(answer.Undeclared, want) || answer.More || answer.Untold != 0 {
		t.Errorf("undeclared: %+v, want %v", answer, want)
	}

	kept := schema.Dimensions[schema.PropValue].LimitPerDay
	lines := []string{"08:00:00 v1 do Click props:element=rare"} // clicked no more often than each of the others
	for i := range kept {
		lines = append(lines, fmt.Sprintf("09:00:00 v%d do Click props:element=link-%d", i%50, i))
	}
	s.count("3", "2026-07-03", append(lines, "10:00:00 v1 do Click props:element=never", "10:00:01 v1 do Click props:element=menu"))
	answer = s.buttons(3, 3)
	if len(answer.Undeclared) != stats.MaxUndeclaredButtons || !answer.More {
		t.Errorf("%d others (more: %v), want %d and more", len(answer.Undeclared), answer.More, stats.MaxUndeclaredButtons)
	}
	if first := answer.Declared[0]; first != (stats.Button{Element: "rare", Clicks: 1, Visitors: 1}) {
		t.Errorf("the first is %+v, want the one of which a click is known", first)
	}
	for _, b := range answer.Declared[1:] {
		if b.Clicks != 0 || b.Never {
			t.Errorf("%+v: it is not known who clicked on it", b)
		}
	}
	if answer.Untold < 2 {
		t.Errorf("%d clicks are untold, want at least the 2 on declared buttons", answer.Untold)
	}
}

// buttons asks about days of July.
func (s *script) buttons(first, last int) *stats.ButtonsAnswer {
	s.t.Helper()
	engine := stats.Engine{Runner: s.db, Now: func() time.Time { return s.now }}
	span := stats.DateRange{First: schema.Date(2026, 7, first), Last: schema.Date(2026, 7, last)}
	answer, err := engine.Buttons(s.t.Context(), &s.site, span)
	if err != nil {
		s.t.Fatal(err)
	}
	return answer
}
