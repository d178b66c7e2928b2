package main

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// consentAll agrees as the canary, sends events that say who it is in every field, links its mail, and asks each endpoint of
// the opt-in path wrongly. One of the two consents is withdrawn.
func (w *watch) consentAll(p *process, notice string) {
	w.t.Helper()
	for i, address := range []string{canaryAddress4, canaryAddress6} {
		choice := strings.Replace(choiceText("example.com", notice, "events", "journeys", "heatmap", "account_link"),
			`"page":"https://example.com/"`, `"page":"https://example.com/users/`+canaryMail+`?mail=`+canaryMail+`"`, 1)
		who := w.agree(p, address, choice)
		now := time.Now().UnixMilli()
		event := func(n, u, r, value string) map[string]any {
			return map[string]any{
				"n": n, "u": u, "r": r, "t": now, "q": 1, "s": "00c0ffee00c0ffee", "p": map[string]string{"who": value},
			}
		}
		batch, err := json.Marshal(map[string]any{"now": now, "token": who.Token, "events": []any{
			event("pageview", "https://example.com/a?mail="+canaryMail+"#"+canaryMail, "https://mail.example/"+canaryMail, "x"),
			event("pageview", "https://example.com/users/"+canaryMail+"/edit?utm_source="+canaryMail, "", canaryMail),
			event("Signup", "https://example.com/", "", canaryMail), event(canaryMail, "https://example.com/", "", "x"),
		}, "heat": []any{map[string]any{"u": "https://example.com/users/" + canaryMail, "k": "click", "w": 1280, "x": 12, "y": 40, "n": 1}}})
		if err != nil {
			w.t.Fatal(err)
		}
		for path, body := range map[string]string{
			"/v1/x/events": string(batch), "/v1/x/identify": `{"user":"` + canaryMail + `","token":"` + who.Token + `"}`,
		} {
			if got := w.do(p, http.MethodPost, path, address, "text/plain", body); got/100 != 2 {
				w.t.Errorf("%s is answered %d", path, got)
			}
		}
		if i == 0 {
			w.do(p, http.MethodPost, "/v1/consent/withdraw", address, "text/plain", `{"token":"`+who.Token+`"}`)
		}
		for _, path := range []string{"/v1/consent/events", "/v1/consent/withdraw", "/v1/x/events", "/v1/x/identify"} {
			for _, body := range []string{canaryMail, `{"site":"` + canaryMail + `","cid":"` + canaryMail + `","token":"` + canaryMail + `"}`} {
				w.do(p, http.MethodPost, path, address, "text/plain", body)
			}
		}
		w.do(p, http.MethodGet, "/v1/consent/config?site="+canaryMail, address, "", "")
		w.do(p, http.MethodGet, "/v1/subjects/"+canaryMail+"/export?site=example.com", address, "", "")
		w.do(p, http.MethodGet, "/v1/consent/receipt/"+canaryMail, address, "", "")
	}
}

// agree lets the canary agree from an address.
func (w *watch) agree(p *process, address, choice string) (who person) {
	w.t.Helper()
	req, err := http.NewRequest(http.MethodPost, p.url+"/v1/consent/events", strings.NewReader(choice))
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("X-Forwarded-For", address)
	req.Header.Set("User-Agent", canaryAgent)
	req.Header.Set("Referer", "https://"+canaryMail+"/"+canaryMail)
	res, err := p.client.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	status, text := answer(w.t, res)
	if err := json.Unmarshal([]byte(text), &who); status != http.StatusCreated || err != nil {
		w.t.Fatal(status, text, err)
	}
	w.text("the answer to a grant", []byte(text))
	w.text("the answer to a grant, its headers", fmt.Append(nil, res.Header))
	return who
}

// keysDiffer looks for the keys of the opt-in path where the counting path keeps its own: in memory and in the journal.
func (w *watch) keysDiffer(in *installation) {
	w.t.Helper()
	text, err := os.ReadFile(filepath.Join(in.dir, consentDir, "keys.json"))
	if err != nil {
		w.t.Fatal(err)
	}
	var keys struct {
		Refs   string
		Tokens []string
	}
	if err := json.Unmarshal(text, &keys); err != nil || keys.Refs == "" || len(keys.Tokens) == 0 {
		w.t.Fatal("the keys of the opt-in path cannot be read")
	}
	counting := &watch{t: w.t}
	for _, key := range append(keys.Tokens, keys.Refs) {
		secret, err := hex.DecodeString(key)
		if err != nil {
			w.t.Fatal("a key is not hexadecimal")
		}
		counting.canaries = append(counting.canaries, newCanary("a key of the opt-in path", secret))
	}
	dirs := []string{}
	for _, kv := range in.env {
		if dir, ok := strings.CutPrefix(kv, "RUNTIME_DIRECTORY="); ok {
			dirs = append(dirs, dir)
		}
	}
	entries, err := os.ReadDir(in.dir)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, e := range entries {
		if e.IsDir() && e.Name() != consentDir && e.Name() != engineDir {
			dirs = append(dirs, filepath.Join(in.dir, e.Name()))
		}
	}
	for _, dir := range dirs {
		counting.files(dir)
	}
	if counting.looked == 0 {
		w.t.Error("no file of the counting path was looked at")
	}
}
