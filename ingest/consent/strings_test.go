package consent

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// vectors are strings made by the encoders that consent managers use, and what their own decoders read of them
// (testdata/README.md).
type vectors struct {
	TCF []struct {
		Name, String                 string
		Created                      time.Time
		Purposes, Publisher, Vendors []int
	}
	GPP []struct {
		Name, String string
		Sections     []int
		TC           []int
		Denies       bool
	}
}

func readVectors(t testing.TB) (v vectors) {
	t.Helper()
	text, err := os.ReadFile("testdata/strings.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	if len(v.TCF) < 10 || len(v.GPP) < 80 {
		t.Fatal("vectors are missing")
	}
	return v
}

func purposesOf(bits uint32) (out []int) {
	for p := 1; p <= tcfPurposes; p++ {
		if purposeSet(bits, p) {
			out = append(out, p)
		}
	}
	return out
}

func TestTCStringsAsTheReferenceReadsThem(t *testing.T) {
	for _, v := range readVectors(t).TCF {
		tc, err := parseTC(v.String)
		if err != nil {
			t.Errorf("%s: %v", v.Name, err)
			continue
		}
		purposes, publisher := purposesOf(tc.purposes), purposesOf(tc.publisher)
		if !tc.created.Equal(v.Created) || !slices.Equal(purposes, v.Purposes) || !slices.Equal(publisher, v.Publisher) {
			t.Errorf("%s: %v, %v, %v", v.Name, tc.created, purposes, publisher)
		}
		for id := range 1000 {
			if tc.vendor(id) != slices.Contains(v.Vendors, id) {
				t.Errorf("%s: vendor %d is %v", v.Name, id, tc.vendor(id))
			}
		}
	}
}

func TestGPPStringsAsTheReferenceReadsThem(t *testing.T) {
	for _, v := range readVectors(t).GPP {
		g, err := parseGPP(v.String)
		if err != nil {
			t.Errorf("%s: %v", v.Name, err)
			continue
		}
		sections, err := gppSections(strings.Split(v.String, "~")[0])
		if err != nil || !slices.Equal(sections, v.Sections) {
			t.Errorf("%s: sections %v, %v; want %v", v.Name, sections, err, v.Sections)
		}
		if g.hasTC != (v.TC != nil) || !slices.Equal(purposesOf(g.tc.publisher), v.TC) || (g.denies != "") != v.Denies {
			t.Errorf("%s: %+v", v.Name, g)
		}
	}
}

// TestStringsMustAgree holds a choice against what its string says.
func TestStringsMustAgree(t *testing.T) {
	w := newWorld(t)
	v := readVectors(t)
	tcf := func(name string) string {
		for _, c := range v.TCF {
			if c.Name == name {
				return c.String
			}
		}
		t.Fatalf("no string %q", name)
		return ""
	}
	gpp := func(name string) string {
		for _, c := range v.GPP {
			if c.Name == name {
				return c.String
			}
		}
		t.Fatalf("no string %q", name)
		return ""
	}
	for _, c := range []struct {
		scheme, text string
		vendor       string // setting
		purpose      string
		ok, storage  bool
	}{
		{"tcf", tcf("publisher 1 8 9 10"), "0", "events", true, true},
		{"tcf", tcf("publisher 8 9 10, no storage"), "0", "journeys", true, false},
		{"tcf", tcf("publisher 1 8 9"), "0", "events", false, false},
		{"tcf", tcf("purposes only"), "0", "events", false, false},
		{"tcf", tcf("purposes and vendors, bits"), "11", "events", true, true},
		{"tcf", tcf("purposes and vendors, bits"), "7", "events", false, false},
		{"tcf", tcf("purposes and vendors, ranges"), "755", "heatmap", true, true},
		{"tcf", tcf("legitimate interests are no consent"), "0", "events", false, false},
		{"tcf", tcf("nothing"), "0", "events", false, false},
		{"tcf", tcf("all 24 publisher"), "0", "events", true, true},
		{"tcf", tcf("all 24 publisher"), "0", "account_link", false, false},
		{"tcf", tcf("from the future"), "0", "events", false, false},
		{"tcf", "", "0", "events", false, false},
		{"tcf", "C", "0", "events", false, false},
		{"tcf", "no string", "0", "events", false, false},
		{"gpp", gpp("section 2 grants"), "0", "events", true, true},
		{"gpp", gpp("section 2 with too little"), "0", "events", false, false},
		{"gpp", gpp("usca no opt-out"), "0", "events", true, true},
		{"gpp", gpp("usca SaleOptOut"), "0", "events", false, false},
		{"gpp", gpp("usnat Gpc"), "0", "events", false, false},
		{"gpp", gpp("usp yes"), "0", "events", false, false},
		{"gpp", gpp("usp no"), "0", "events", true, true},
		{"gpp", gpp("usca alone"), "0", "events", false, false},
		{"gpp", gpp("Canada"), "0", "events", false, false},
		{"gpp", tcf("publisher 1 8 9 10"), "0", "events", false, false},
	} {
		w.must("PUT", "/v1/sites/example.com/consent", `{"on":true,"tcf_vendor":`+c.vendor+`}`, 200)
		nobody := &person{w: w, site: "example.com", notice: w.notice}
		body := change(nobody.choice("save", c.purpose), object{"proof": object{"scheme": c.scheme, "string": c.text}})
		if !c.ok {
			w.refused("POST", "/v1/consent/events", body, 422, codeProofMismatch)
			continue
		}
		if out := w.must("POST", "/v1/consent/events", body, 201); out["storage"] != c.storage {
			t.Errorf("%s %s: storage %v", c.scheme, c.text, out["storage"])
		}
	}
	if contains(t, w.dir, []byte(tcf("publisher 1 8 9 10"))) {
		t.Error("a consent string is in a file: only its hash should be")
	}
	long := change((&person{w: w, site: "example.com", notice: w.notice}).choice("save", "events"),
		object{"proof": object{"scheme": "tcf", "string": strings.Repeat("C", maxStringBytes+1)}})
	w.refused("POST", "/v1/consent/events", long, 413, codeTooLarge)
}

// FuzzStrings: whatever is sent, the decoders end, and what they grant they grant again of the same string in a GPP
// string.
func FuzzStrings(f *testing.F) {
	v := readVectors(f)
	for _, c := range v.TCF {
		f.Add(c.String)
	}
	for _, c := range v.GPP {
		f.Add(c.String)
	}
	f.Add("CAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA_____________________")
	f.Add("DB____")
	now := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, text string) {
		_, _ = parseGPP(text) // must end without a panic
		tc, err := parseTC(text)
		if err != nil {
			return
		}
		storage, err := tc.agrees(1, 0, now)
		if err == nil && !tc.hasPublisher {
			t.Fatal("granted without a publisher segment")
		}
		if strings.Contains(text, "~") || len(text) > maxStringBytes-10 {
			return
		}
		g, gppErr := parseGPP("DBABMA~" + text)
		if gppErr != nil || !g.hasTC {
			t.Fatalf("the same string as section 2: %v", gppErr)
		}
		again, err2 := g.tc.agrees(1, 0, now)
		if storage != again || (err == nil) != (err2 == nil) {
			t.Fatal("the two decoders disagree")
		}
	})
}
