package clickhouse

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	client "github.com/ClickHouse/clickhouse-go/v2"

	"turf/schema"
)

var update = flag.Bool("update", false, "write the golden files anew")

// The statements of all migrations, on one server and in a cluster, and what adds a dimension and a metric to both.
func TestStatementsGolden(t *testing.T) {
	for name, config := range map[string]Config{
		"single":  {Database: "turf"},
		"cluster": {Database: "turf", Cluster: "main"},
	} {
		t.Run(name, func(t *testing.T) {
			db := &DB{config: config}
			list, err := db.migrations()
			if err != nil {
				t.Fatal(err)
			}
			var b strings.Builder
			for _, m := range list {
				for _, sql := range m.statements {
					fmt.Fprintf(&b, "-- %d %s\n%s;\n\n", m.number, m.name, sql)
				}
			}
			want := append(countsColumns(), client.ColumnNameAndType{Name: "planet", Type: dimensionType},
				client.ColumnNameAndType{Name: "smiles", Type: metricType})
			have, key := map[string]string{}, "site_id, cube, time, "+strings.Join(dimensionNames(), ", ")
			for _, c := range countsColumns() {
				have[c.Name] = c.Type
			}
			changes, err := planColumns(want, have, key)
			if err != nil {
				t.Fatal(err)
			}
			for _, sql := range db.alterCounts(changes) {
				fmt.Fprintf(&b, "-- new in the catalogue\n%s;\n\n", sql)
			}
			golden(t, name+".sql", b.String())
		})
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s is out of date; if the change is meant, run go test with -update. Got\n%s", path, got)
	}
}

func TestPlanColumns(t *testing.T) {
	want := countsColumns()
	have := map[string]string{}
	for _, c := range want {
		have[c.Name] = c.Type
	}
	key := "site_id, cube, time, " + strings.Join(dimensionNames(), ", ")
	if plan, err := planColumns(want, have, key); plan != "" || err != nil {
		t.Errorf("nothing is new, but %q, %v", plan, err)
	}
	have["visits"] = "UInt64"
	if plan, err := planColumns(want, have, key); err == nil {
		t.Errorf("a metric of another type: %q", plan)
	}
	have["visits"] = metricType
	if plan, err := planColumns(want, have, key+", visits"); err == nil {
		t.Errorf("a metric in the key: %q", plan)
	}
}

// An insert has the columns that its rows need and no others.
func TestInsertColumns(t *testing.T) {
	page := schema.Row{Cell: schema.Cell{Site: 1, Cube: schema.CubePages}}
	page.Cell.Values[0], page.Cell.Values[1], page.Sums[schema.Pageviews] = "example.com", "/", 2
	left := page
	left.Cell.Values[1], left.Sums[schema.Pageviews], left.Sums[schema.Exits] = "", 0, -1
	traffic := schema.Row{Cell: schema.Cell{Site: 1, Cube: schema.CubeTraffic}}
	traffic.Sums[schema.Visits] = 1
	for _, tt := range []struct {
		rows []schema.Row
		want string
	}{
		{[]schema.Row{traffic}, "site_id, cube, time, visits"},
		{[]schema.Row{left}, "site_id, cube, time, hostname, exits"},
		{[]schema.Row{left, traffic, page}, "site_id, cube, time, hostname, path, visits, pageviews, exits"},
	} {
		f := filledBy(tt.rows)
		if got, want := insertSQL(f.columns()), "INSERT INTO counts ("+tt.want+")"; got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	if got, want := len(countsColumns()), len(keyColumns)+int(schema.NumDimensions)+int(schema.NumMetrics); got != want {
		t.Errorf("%d columns in all, want %d", got, want)
	}
}

func TestStatements(t *testing.T) {
	got := statements("-- why\nCREATE a (\n  -- what\n  s String -- not; here\n);\n\nDROP b;\nDROP c\n")
	want := []string{"CREATE a (\n  s String -- not; here\n)", "DROP b", "DROP c\n"}
	if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
