package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const trackerDir = ".."

// The committed built form is what its source gives, and the same source gives the same bytes.
func TestBuiltIsUpToDate(t *testing.T) {
	first, err := build(trackerDir)
	if err != nil {
		t.Fatal(err)
	}
	second, err := build(trackerDir)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range first {
		if !bytes.Equal(content, second[name]) {
			t.Errorf("%s is not the same when it is built again", name)
		}
		committed, err := os.ReadFile(filepath.Join(trackerDir, filepath.FromSlash(name)))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(committed, content) {
			t.Errorf("%s is not built from this source: run \"go generate ./ingest/tracker\"", name)
		}
	}
}

// Each flavour of the source fits its types.
func TestTypes(t *testing.T) {
	if testing.Short() {
		t.Skip("-short")
	}
	tsc, err := filepath.Abs(filepath.Join(trackerDir, "../../dashboard/web/node_modules/.bin/tsc"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(tsc); err != nil {
		t.Skip("dashboard/web/node_modules is not there (npm ci), so there is no compiler")
	}
	text, err := os.ReadFile(filepath.Join(trackerDir, filepath.FromSlash(source)))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, flavour := range append(slices.Clone(flavours), moduleFlavour) {
		m, err := mark(string(text), flavour)
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Join(dir, flavour+".ts")
		if err := os.WriteFile(name, []byte(strings.ReplaceAll(m.text, marker, "")), 0o644); err != nil {
			t.Fatal(err)
		}
		checkTypes(t, tsc, flavour, "es2020", name)
	}
	joined, err := join(trackerDir)
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, consentFlavour+".ts")
	if err := os.WriteFile(name, []byte(joined+"export {}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	// Newer operators are rewritten for es2020 when the script is built.
	checkTypes(t, tsc, consentFlavour, "es2021", name)
	checkTypes(t, tsc, measureSource, "es2021", filepath.Join(trackerDir, filepath.FromSlash(measureSource)))
	checkTypes(t, tsc, testSource, "es2021", filepath.Join(trackerDir, filepath.FromSlash(testSource)))
	check := exec.Command(tsc, "--noEmit", "--strict", "--target", "es2020", "--lib", "es2020,dom", "--types", "",
		filepath.Join(trackerDir, "npm", "index.d.ts"))
	if output, err := check.CombinedOutput(); err != nil {
		t.Errorf("the module's types: %v\n%s", err, output)
	}
}

// checkTypes has the compiler look at a file.
func checkTypes(t *testing.T, tsc, what, target, name string) {
	t.Helper()
	cmd := exec.Command(tsc, "--noEmit", "--strict", "--noUncheckedIndexedAccess", "--noFallthroughCasesInSwitch",
		"--target", target, "--lib", "es2021,dom,dom.iterable", "--module", "esnext", "--types", "", name)
	if output, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%s: %v\n%s", what, err, output)
	}
}

func TestPieces(t *testing.T) {
	const text = `
let a = 1, f = () => {
  //#if turf
  a++
  //#end
  //#if x|y
  a += 2
  //#if !z
  a += 3
  //#end
  //#end
  //#if legacy|w
  a += 4
  //#end
  return a
}
console.log(f())
`
	for _, c := range []struct{ flavour, parts, want string }{
		{"turf", "", `(()=>{let e=1,g=()=>{e++;return e};console.log(g());})();`},
		{"turf", "x z", `(()=>{let e=1,g=()=>{e++;e+=2;return e};console.log(g());})();`},
		{"turf", "y", `(()=>{let e=1,g=()=>{e++;e+=2;e+=3;return e};console.log(g());})();`},
		{"turf", "w", `(()=>{let e=1,g=()=>{e++;e+=4;return e};console.log(g());})();`},
		{"turf", "once", `window.turf?.l||(()=>{let e=1,g=()=>{e++;return e};console.log(g());})();`},
		{"legacy", "", `(()=>{let e=1,g=()=>{return e+=4,e};console.log(g());})();`},
	} {
		got, err := pieces(text, c.flavour)
		if err != nil {
			t.Fatal(err)
		}
		if script := assemble(got, strings.Fields(c.parts)); script != c.want {
			t.Errorf("%s with %q:\n%s\nwant\n%s", c.flavour, c.parts, script, c.want)
		}
	}
	for name, bad := range map[string]string{
		"not closed":    "//#if x\na()\n",
		"not opened":    "a()\n//#end\n",
		"unknown":       "//#else\n",
		"dropped":       "function f() {\nreturn 1\n//#if x\na()\n//#end\n}\n",
		"moved":         "function f() {\n//#if x\nif (a()) return\n//#end\nb()\nfor (;;) c()\n}\n",
		"broken source": "let = ;",
	} {
		if got, err := pieces(bad, "turf"); err == nil {
			t.Errorf("%s: no error, but %q", name, got)
		}
	}
}
