package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"turf/ingest"
	"turf/ingest/consent"
	"turf/schema"
)

// TestConsentVerify: the command accepts a ledger and its export, names the place of a changed byte, and holds the log to a key.
func TestConsentVerify(t *testing.T) {
	data := t.TempDir()
	dir := filepath.Join(data, consentDir)
	export := ledgerOf(t, dir)
	zip := filepath.Join(data, "audit.zip")
	if err := os.WriteFile(zip, export, 0o600); err != nil {
		t.Fatal(err)
	}
	turf := func(args ...string) (string, error) {
		var out bytes.Buffer
		err := run(t.Context(), args, nil, strings.NewReader(""), &out, &out)
		return out.String(), err
	}
	const ok = "The ledger is what was written"
	var key string
	for _, args := range [][]string{{"--data", data, "consent", "verify"}, {"consent", "verify", dir}, {"consent", "verify", zip}} {
		out, err := turf(args...)
		if err != nil || !strings.Contains(out, ok) {
			t.Fatalf("turf %v: %s, %v", args, out, err)
		}
		_, key, _ = strings.Cut(strings.TrimSpace(out), "first key: ")
	}
	if out, err := turf("consent", "verify", "--json", "--key", key, dir); err != nil || !strings.Contains(out, `"ok":true`) {
		t.Errorf("with its key: %s, %v", out, err)
	}
	if _, err := turf("consent", "verify", "--key", "turf.consent/other+00000000+AA", zip); err == nil {
		t.Error("with another key: accepted")
	}
	path := filepath.Join(dir, "payloads")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text[len(text)-3] ^= 1
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := turf("consent", "verify", dir); err == nil || !strings.Contains(err.Error(), "payloads, byte ") {
		t.Errorf("a changed byte: %v", err)
	}
	if _, err := turf("consent", "verify", filepath.Join(data, "missing")); err == nil {
		t.Error("a ledger that is not there: accepted")
	}
}

// ledgerOf makes a ledger with one consent and returns its export.
func ledgerOf(t *testing.T, dir string) []byte {
	t.Helper()
	site := schema.Site{ID: 1, Domain: "example.com", Timezone: "UTC"}
	l, err := consent.Open(consent.Config{Dir: dir, Store: noRows{}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}()
	if err := l.SetSettings(site.ID, consent.Settings{On: true}); err != nil {
		t.Fatal(err)
	}
	if _, err := l.AddPurpose(&site, consent.Purpose{ID: consent.PurposeEvents, Data: []string{"pages"}, RetentionDays: 30}); err != nil {
		t.Fatal(err)
	}
	id, _, err := l.AddNotice(&site, consent.Notice{
		DefaultLang: "en", Purposes: []string{"events@1"}, Controller: consent.Party{Name: "Example", Contact: "privacy@example.com"},
		Texts: map[string]consent.Text{"en": {
			Title: "May we?", Body: "We would like to.", Purposes: map[string]string{"events": "which pages"},
			Accept: "Yes", Reject: "No", Save: "Save", Privacy: "Privacy",
		}},
		Jurisdiction: "NL", WithdrawalMethod: "the link at the foot", StorageLocations: []string{"NL"},
	})
	if err != nil {
		t.Fatal(err)
	}
	grantConsent(t, l, site, id)
	var b bytes.Buffer
	if err := l.Audit(&b, &site, time.Now().Add(-time.Hour), time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func grantConsent(t *testing.T, l *consent.Ledger, site schema.Site, notice string) {
	t.Helper()
	agents, err := ingest.NewAgents()
	if err != nil {
		t.Fatal(err)
	}
	steps, err := ingest.NewSteps(nil, agents, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err := consent.NewServer(consent.ServerConfig{
		Ledger: l, Describer: ingest.NewDescriber(steps, nil, false, 0),
		Sites:     func(string) (schema.Site, bool) { return site, true },
		Site:      func(schema.SiteID) (schema.Site, bool) { return site, true },
		Authorize: func(*http.Request, schema.SiteID, consent.Role) bool { return false },
	})
	if err != nil {
		t.Fatal(err)
	}
	e := echo.New()
	s.Register(e)
	rec := httptest.NewRecorder()
	e.ServeHTTP(rec, httptest.NewRequest(http.MethodPost, "/v1/consent/events", strings.NewReader(fmt.Sprintf(
		`{"site":"example.com","notice_id":%q,"lang":"en","purposes":{"events":true},"action":"save","explicit":true,
		"adapter":"manual","proof":{"scheme":"manual"}}`, notice))))
	if rec.Code != http.StatusCreated {
		t.Fatal(rec.Code, rec.Body)
	}
}

// noRows is a store of a ledger whose people send nothing.
type noRows struct{}

func (noRows) WriteEvents(context.Context, string, []schema.ConsentedEvent) error { return nil }
func (noRows) WriteHeat(context.Context, string, []schema.HeatCell) error         { return nil }
func (noRows) Erase(context.Context, schema.SiteID, schema.PersonRef) error {
	return nil
}

func (noRows) Export(context.Context, schema.SiteID, schema.PersonRef, func(schema.ConsentedEvent) error) error {
	return nil
}
