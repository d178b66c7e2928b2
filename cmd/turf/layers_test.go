package main

import (
	"go/ast"
	"go/types"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/go/packages"
)

// edges is which of our packages may import which: the way of the data. A new arrow is a change of the design.
var edges = map[string][]string{
	"schema":             {},
	"schema/embedded":    {"schema"},
	"schema/clickhouse":  {"schema"},
	"aggregate":          {"schema"},
	"aggregate/journal":  {"schema"},
	"aggregate/pipeline": {"aggregate", "aggregate/journal", "schema"},
	"ingest":             {"aggregate", "ingest/tracker", "schema"},
	"ingest/tracker":     {},
	// The opt-in path's script is served as the counting path's is.
	"ingest/tracker/consent": {"ingest/tracker"},
	"ingest/importer":        {"ingest", "aggregate", "schema"},
	// The opt-in path shares the names of things with the counting path, and nothing that it knows of anybody.
	"ingest/consent":    {"ingest", "schema"},
	"dashboard/stats":   {"schema"},
	"dashboard/reports": {"dashboard/stats", "schema"},
	"dashboard/access":  {"schema"},
	"dashboard/web":     {},
	"dashboard":         {"dashboard/stats", "dashboard/reports", "dashboard/access", "dashboard/web", "schema"},
	// Programs of the scripts.
	"ingest/geoconvert":    {},
	"dashboard/web/build":  {},
	"ingest/tracker/build": {},
	"cmd/bench": {
		"schema", "schema/embedded", "schema/clickhouse", "aggregate", "aggregate/journal", "aggregate/pipeline", "ingest",
		"dashboard/stats", "dashboard/reports",
	},
	// Helpers of tests. Nothing that ships imports them.
	"schema/embedded/embeddedtest":     {"schema/embedded"},
	"schema/clickhouse/clickhousetest": {"schema/clickhouse", "schema/embedded/embeddedtest"},
	"aggregate/journal/crashfs":        {"aggregate/journal"},
	"ingest/tracker/browsertest":       {},
	// The only place where parts meet.
	"cmd/turf": {
		"schema", "schema/embedded", "schema/clickhouse", "aggregate", "aggregate/journal", "aggregate/pipeline", "ingest",
		"ingest/tracker", "ingest/tracker/consent", "ingest/importer", "ingest/consent", "dashboard", "dashboard/stats",
		"dashboard/reports", "dashboard/access", "dashboard/web",
	},
}

// owners is which of our packages may import a module that decides much. Modules that are not named are free, but for the core.
var owners = map[string][]string{
	"github.com/ClickHouse/clickhouse-go/v2": {"schema/clickhouse", "schema/embedded", "schema/embedded/embeddedtest"},
	"github.com/ClickHouse/ch-go":            {"schema/clickhouse", "schema/embedded"},
	"github.com/ebitengine/purego":           {"schema/embedded"},
	"github.com/labstack/echo/v4":            {"ingest", "ingest/consent", "dashboard", "cmd/turf", "cmd/bench"},
	"github.com/oschwald/geoip2-golang":      {"ingest"},
	"github.com/ua-parser/uap-go":            {"ingest"},
	"github.com/dchest/siphash":              {"ingest"},
	"golang.org/x/mod":                       {"ingest/consent"},
	"github.com/spf13/cobra":                 {"cmd/turf"},
}

// coreImports is all that the core may import. None of them can read a clock, a random number or the world, but for the
// functions in impure.
var coreImports = []string{
	"bytes", "cmp", "encoding/binary", "errors", "fmt", "hash/crc32", "iter", "math", "math/bits", "slices", "strconv", "strings",
	"time", "unicode/utf8", "unsafe", "github.com/cespare/xxhash/v2", "turf/schema",
}

// impure are the functions of coreImports that the core may not call.
var impure = map[string][]string{
	"time": {"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker", "LoadLocation"},
	"fmt":  {"Print", "Printf", "Println", "Fprint", "Fprintf", "Fprintln", "Scan", "Scanf", "Scanln"},
}

const modulePath = "turf/"

func TestLayers(t *testing.T) {
	pkgs := load(t, packages.NeedName|packages.NeedImports, "turf/...")
	for _, p := range pkgs {
		name := strings.TrimPrefix(p.PkgPath, modulePath)
		allowed, known := edges[name]
		if !known {
			t.Errorf("package %s is not in the table of edges", name)
			continue
		}
		for path := range p.Imports {
			if ours, ok := strings.CutPrefix(path, modulePath); ok && !slices.Contains(allowed, ours) {
				t.Errorf("%s imports %s", name, ours)
			}
			for module, by := range owners {
				if (path == module || strings.HasPrefix(path, module+"/")) && !slices.Contains(by, name) {
					t.Errorf("%s imports %s, which only %v may", name, path, by)
				}
			}
		}
	}
}

// TestCoreIsPure holds the second habit: the core has no clock, randomness, I/O or goroutine, and no order of a map.
func TestCoreIsPure(t *testing.T) {
	mode := packages.NeedName | packages.NeedImports | packages.NeedSyntax | packages.NeedTypes | packages.NeedTypesInfo |
		packages.NeedDeps | packages.NeedFiles | packages.NeedCompiledGoFiles
	for _, p := range load(t, mode, "turf/aggregate") {
		for path := range p.Imports {
			if !slices.Contains(coreImports, path) {
				t.Errorf("the core imports %s", path)
			}
		}
		for _, f := range p.Syntax {
			ast.Inspect(f, func(n ast.Node) bool {
				if what := impurity(p.TypesInfo, n); what != "" {
					t.Errorf("%s: %s", p.Fset.Position(n.Pos()), what)
				}
				return true
			})
		}
	}
}

// impurity says what is impure about a node, or "".
func impurity(info *types.Info, n ast.Node) string {
	switch n := n.(type) {
	case *ast.GoStmt:
		return "a goroutine"
	case *ast.SelectStmt:
		return "a select"
	case *ast.RangeStmt:
		if _, ok := info.TypeOf(n.X).Underlying().(*types.Map); ok {
			return "a range over a map"
		}
		if _, ok := info.TypeOf(n.X).Underlying().(*types.Chan); ok {
			return "a range over a channel"
		}
	case *ast.Ident:
		f, ok := info.Uses[n].(*types.Func)
		if ok && f.Pkg() != nil && f.Signature().Recv() == nil && slices.Contains(impure[f.Pkg().Path()], f.Name()) {
			return "a call of " + f.FullName()
		}
	}
	return ""
}

func load(t *testing.T, mode packages.LoadMode, pattern string) []*packages.Package {
	t.Helper()
	pkgs, err := packages.Load(&packages.Config{Mode: mode, Dir: "../.."}, pattern)
	if err != nil {
		t.Fatal(err)
	}
	if len(pkgs) == 0 {
		t.Fatalf("no packages match %s", pattern)
	}
	for _, p := range pkgs {
		for _, e := range p.Errors {
			t.Errorf("%s: %v", p.PkgPath, e)
		}
	}
	return pkgs
}
