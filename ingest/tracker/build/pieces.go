package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/evanw/esbuild/pkg/api"
)

// source is the script's one source; partsFile and moduleFile are what is made of it. All are relative to
// ingest/tracker. consentSources are the files of the opt-in path's script, joined in the order of their names.
const (
	source         = "src/turf.ts"
	partsFile      = "dist/parts.json"
	moduleFile     = "npm/turf.js"
	consentSources = "consent/src/gate/*.ts"
	consentFile    = "consent/dist/parts.json"
	measureSource  = "consent/src/measure.ts"
	measureFile    = "consent/dist/measure.js"
	testSource     = "consent/src/test.ts"
	testFile       = "consent/dist/test.js"
)

// consentFlavour is the only one of the opt-in path's script.
const consentFlavour = "consent"

// flavours are the forms of the script that are minified apart, because they differ inside expressions.
var flavours = []string{"turf", "legacy", "init"}

// moduleFlavour is the npm package's; it has all that the module is to have, so no piece of it is left to the server.
const moduleFlavour = "npm"

// moduleParts are the parts of the npm package's module beside those that its configuration turns on.
var moduleParts = []string{"engagement", "optout", "gpc", "dnt", "tagged"}

// Piece is a part of a minified script. It belongs to a form of the script when each condition of If holds; a
// condition is names of parts joined by "|", each perhaps negated with "!".
type Piece struct {
	If   []string `json:"if,omitempty"`
	Text string   `json:"text"`
}

// build makes the built files in memory, by their slash-separated names. The same source gives the same bytes:
// esbuild is pinned in go.mod.
func build(dir string) (map[string][]byte, error) {
	text, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(source)))
	if err != nil {
		return nil, fmt.Errorf("read the source: %w", err)
	}
	all := map[string][]Piece{}
	for _, flavour := range flavours {
		if all[flavour], err = pieces(string(text), flavour); err != nil {
			return nil, fmt.Errorf("%s: %w", flavour, err)
		}
	}
	parts, err := encode(all)
	if err != nil {
		return nil, err
	}
	module, err := pieces(string(text), moduleFlavour)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", moduleFlavour, err)
	}
	joined, err := join(dir)
	if err != nil {
		return nil, err
	}
	consent, err := pieces(joined, consentFlavour)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", consentFlavour, err)
	}
	consentParts, err := encode(consent)
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{
		partsFile: parts, consentFile: consentParts, moduleFile: []byte(assemble(module, moduleParts) + "\n"),
	}
	for built, source := range map[string]string{measureFile: measureSource, testFile: testSource} {
		if text, err = os.ReadFile(filepath.Join(dir, filepath.FromSlash(source))); err != nil {
			return nil, fmt.Errorf("read the source: %w", err)
		}
		small, err := minify(string(text), moduleFlavour)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", source, err)
		}
		files[built] = []byte(small + "\n")
	}
	return files, nil
}

// join is the source of the opt-in path's script.
func join(dir string) (string, error) {
	names, err := filepath.Glob(filepath.Join(dir, filepath.FromSlash(consentSources))) // sorted
	if err != nil {
		return "", fmt.Errorf("look for %s: %w", consentSources, err)
	}
	var out strings.Builder
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			return "", fmt.Errorf("read the opt-in path's source: %w", err)
		}
		out.Write(text)
	}
	return out.String(), nil
}

func encode(pieces any) ([]byte, error) {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	if err := enc.Encode(pieces); err != nil {
		return nil, fmt.Errorf("write the pieces: %w", err)
	}
	return out.Bytes(), nil
}

// marker stands between two pieces while the script is minified: a statement that the minifier neither moves, joins
// with its neighbours nor drops.
const marker = "debugger;"

// markers finds it again; the last statement of a block has lost its semicolon.
var markers = regexp.MustCompile(`debugger;?`)

// marked is a source whose conditions are replaced by markers. conditions[i] are those of the i-th piece between
// markers. Each region is what one condition encloses: its first piece, and the piece after its last.
type marked struct {
	text       string
	conditions [][]string
	regions    [][2]int
}

// pieces minifies one flavour of the source, once for all forms so that names agree, and takes it apart at the
// conditions.
func pieces(text, flavour string) ([]Piece, error) {
	m, err := mark(text, flavour)
	if err != nil {
		return nil, err
	}
	minified, err := minify(m.text, flavour)
	if err != nil {
		return nil, err
	}
	texts := markers.Split(minified, -1)
	if len(texts) != len(m.conditions) {
		return nil, fmt.Errorf("BUG: %d pieces came out of %d: the minifier dropped code", len(texts),
			len(m.conditions))
	}
	for _, r := range m.regions {
		if region := strings.Join(texts[r[0]:r[1]], ""); !balanced(region) {
			return nil, fmt.Errorf("BUG: the minifier moved code into or out of what %v encloses: %s",
				m.conditions[r[0]], region)
		}
	}
	var out []Piece
	if flavour != moduleFlavour {
		// A script that runs twice on a page counts once.
		ran := "?.l||"
		if flavour == consentFlavour {
			ran = "?.end||"
		}
		out = append(out, Piece{If: []string{"once"}, Text: "window." + global(flavour) + ran})
	}
	for i, t := range texts {
		if n := len(out); n > 0 && slices.Equal(out[n-1].If, m.conditions[i]) {
			out[n-1].Text += t
		} else if t != "" {
			out = append(out, Piece{If: m.conditions[i], Text: t})
		}
	}
	return out, nil
}

// assemble puts the pieces together that have these parts.
func assemble(pieces []Piece, parts []string) string {
	var out strings.Builder
	for _, p := range pieces {
		all := true
		for _, condition := range p.If {
			any := false
			for term := range strings.SplitSeq(condition, "|") {
				name, negated := strings.CutPrefix(term, "!")
				any = any || slices.Contains(parts, name) != negated
			}
			all = all && any
		}
		if all {
			out.WriteString(p.Text)
		}
	}
	return out.String()
}

// level is a condition that is open while the source is marked.
type level struct {
	condition string // "" when the flavour decides it
	dropped   bool   // the flavour decides that it does not hold
	first     int    // the first piece in it
}

// mark resolves the conditions on flavours and puts markers for those on parts.
func mark(text, flavour string) (marked, error) {
	var (
		m     = marked{conditions: [][]string{nil}}
		out   strings.Builder
		stack []level
	)
	cut := func() {
		out.WriteString(marker + "\n")
		var open []string
		for _, l := range stack {
			if l.condition != "" && !slices.Contains(open, l.condition) {
				open = append(open, l.condition)
			}
		}
		m.conditions = append(m.conditions, open)
	}
	for i, line := range strings.Split(text, "\n") {
		dropping := len(stack) > 0 && stack[len(stack)-1].dropped
		directive := strings.TrimSpace(line)
		switch condition, isIf := strings.CutPrefix(directive, "//#if "); {
		case isIf:
			rest, value := resolve(condition, flavour)
			stack = append(stack, level{
				condition: rest, dropped: dropping || rest == "" && !value,
				first: len(m.conditions),
			})
			if rest != "" && !dropping {
				cut()
			}
		case directive == "//#end":
			if len(stack) == 0 {
				return marked{}, fmt.Errorf("line %d: #end without #if", i+1)
			}
			top := stack[len(stack)-1]
			stack = stack[:len(stack)-1]
			if top.condition != "" && !top.dropped {
				m.regions = append(m.regions, [2]int{top.first, len(m.conditions)})
				cut()
			}
		case strings.HasPrefix(directive, "//#"):
			return marked{}, fmt.Errorf("line %d: unknown directive %s", i+1, directive)
		case !dropping:
			out.WriteString(line + "\n")
		}
	}
	if len(stack) > 0 {
		return marked{}, errors.New("#if without #end")
	}
	m.text = strings.ReplaceAll(out.String(), "GLOBAL", global(flavour))
	return m, nil
}

// resolve decides what the flavour decides of a condition: rest is what is left of it, or "" and then value is its
// value.
func resolve(condition, flavour string) (rest string, value bool) {
	var open []string
	for term := range strings.SplitSeq(condition, "|") {
		name, negated := strings.CutPrefix(term, "!")
		if name != moduleFlavour && !slices.Contains(flavours, name) {
			open = append(open, term)
		} else if (name == flavour) != negated {
			return "", true
		}
	}
	return strings.Join(open, "|"), false
}

// global is the name of the script's function on the page.
func global(flavour string) string {
	if flavour == "legacy" || flavour == "init" {
		return "plausible"
	}
	return "turf"
}

// props is what the names of a tag's attributes begin with that are properties of each event, as JavaScript.
func props(flavour string) string {
	if flavour == "turf" {
		return `"data-prop-"`
	}
	return `"event-"`
}

// key is the name of an event's properties on the wire, as JavaScript.
func key(flavour string) string {
	if flavour == "turf" {
		return `"props"`
	}
	return `"p"`
}

func minify(text, flavour string) (string, error) {
	format := api.FormatIIFE
	if flavour == moduleFlavour {
		format = api.FormatESModule
	}
	res := api.Transform(text, api.TransformOptions{
		Loader: api.LoaderTS, Sourcefile: source, Format: format, Charset: api.CharsetUTF8, TsconfigRaw: "{}",
		Target: api.ES2020, MinifyWhitespace: true, MinifyIdentifiers: true, MinifySyntax: true,
		TreeShaking:   api.TreeShakingFalse,
		LegalComments: api.LegalCommentsNone,
		Define: map[string]string{
			"INIT":   strconv.FormatBool(flavour == "init" || flavour == moduleFlavour),
			"LEGACY": strconv.FormatBool(flavour == "legacy" || flavour == "init"),
			"PROPS":  props(flavour), "PROPS_KEY": key(flavour),
		},
	})
	if len(res.Errors) > 0 {
		return "", errors.New(strings.Join(api.FormatMessages(res.Errors, api.FormatMessagesOptions{}), "\n"))
	}
	return strings.TrimSpace(string(res.Code)), nil
}

// balanced reports whether all brackets that open in a text close in it. Its strings and patterns hold as many of each.
func balanced(text string) bool {
	for _, pair := range []string{"()", "[]", "{}"} {
		if strings.Count(text, pair[:1]) != strings.Count(text, pair[1:]) {
			return false
		}
	}
	return true
}
