package ingest

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
)

// secretClient is a client with recognisable parts.
func secretClient() client {
	return newClient(&identity{
		addr: netip.MustParseAddr("203.0.113.77"), name: "host.secret.example", agent: "SecretAgent/1.0",
	})
}

// secrets are what must not be seen, in any of the forms in which Go prints bytes.
var secrets = []string{"203.0.113", "cb00714d", "113 77", "secret", "Secret", "0x71, 0x4d"}

// Whatever is done with what holds an address and an agent, alone or inside of something else, they do not come out.
func TestRedacted(t *testing.T) {
	c := secretClient()
	h := &hit{client: c, body: &body{url: "https://example.com/?mail=ann@secret.example", referrer: "https://secret.example/"}}
	r := newRequest()
	r.client, r.body.url, r.buf = c, "https://secret.example/", []byte("secret")
	q := &Question{UserAgent: "SecretAgent/1.0", Address: c.id().addr, URL: "https://secret.example/"}
	p := &LoggedPage{Client: "203.0.113.77", UserAgent: "SecretAgent/1.0", Referrer: "https://secret.example/"}
	values := map[string]any{
		"client": c, "*client": &c, "hit": *h, "*hit": h, "*request": r, "body": r.body, "*Question": q, "Question": *q,
		"*LoggedPage": p, "LoggedPage": *p,
	}
	for name, v := range values {
		for form, text := range forms(v) {
			// %p of what is no pointer is refused by go vet; a client does not show itself even then.
			if strings.Contains(form, "%p") && !strings.Contains(name, "client") {
				continue
			}
			for _, s := range secrets {
				if strings.Contains(text, s) {
					t.Errorf("%s as %s: %s", name, form, text)
				}
			}
		}
	}
}

var verbs = []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%T", "%p", "%!"}

// forms is v printed and marshalled in all ways, alone and nested.
func forms(v any) map[string]string {
	out := map[string]string{}
	nested := map[string]any{
		"alone": v, "slice": []any{v}, "map": map[string]any{"k": v}, "struct": struct{ Field any }{v},
		"unexported": struct{ field *any }{&v}, "pointer": &v,
	}
	for where, n := range nested {
		for _, verb := range verbs {
			out["fmt "+verb+" "+where] = fmt.Sprintf(verb, n)
		}
		out["Sprint "+where] = fmt.Sprint(n, n)
		out["error "+where] = fmt.Errorf("failed with %v", n).Error()
		out["json "+where] = marshalled(json.Marshal(n))
		out["xml "+where] = marshalled(xml.Marshal(n))
		var b bytes.Buffer
		if err := gob.NewEncoder(&b).Encode(n); err != nil {
			b.WriteString(err.Error())
		}
		out["gob "+where] = b.String()
		b.Reset()
		slog.New(slog.NewTextHandler(&b, nil)).Info("m", "v", n)
		slog.New(slog.NewJSONHandler(&b, nil)).Info("m", "v", n, slog.Group("g", "v", n))
		slog.New(slog.NewTextHandler(&b, nil)).With("v", n).Info(fmt.Sprint(n))
		out["slog "+where] = b.String()
	}
	return out
}

func marshalled(b []byte, err error) string { return fmt.Sprint(string(b), err) }

// A struct of ours that holds a client by its pointer, as hit does, does not show it either, though fmt looks into unexported fields
// without asking.
func TestRedactedInUnexportedField(t *testing.T) {
	c := secretClient()
	for _, verb := range verbs {
		text := fmt.Sprintf(verb, struct{ inner client }{c}) + fmt.Sprintf(verb, struct{ inner *client }{&c}) +
			fmt.Sprintf(verb, struct{ inner *hit }{&hit{client: c}}) + fmt.Sprintf(verb, struct{ inner hit }{hit{client: c}})
		for _, s := range secrets {
			if strings.Contains(text, s) {
				t.Errorf("%s: %s", verb, text)
			}
		}
	}
}

// After a request its space holds nothing of it.
func TestRequestForgets(t *testing.T) {
	r := newRequest()
	r.client = secretClient()
	r.buf = append(r.buf, "secret body"...)
	r.body.name, r.body.props = "secret", append(r.body.props, prop("secret", "value"))
	r.props = append(r.props, prop("secret", "value"))
	r.hit = hit{client: r.client, body: &r.body, domain: "secret"}
	r.passed(Passed)
	r.passed(DropRobot)
	r.forget()
	if r.client.id().agent != "" || r.client.id().addr.IsValid() || r.hit.client.who != nil || r.body.name != "" || r.dropped != 0 {
		t.Error("the client is still there")
	}
	if bytes.Contains(r.buf[:cap(r.buf)], []byte("secret")) {
		t.Error("the body is still there")
	}
	for _, p := range append(r.props[:cap(r.props)], r.body.props[:cap(r.body.props)]...) {
		if p != prop("", "") {
			t.Error("properties are still there")
		}
	}
	if ev := r.events[:cap(r.events)][0]; ev.Props != nil || ev.Site != 0 {
		t.Error("events are still there")
	}
}
