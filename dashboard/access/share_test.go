package access

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestShare(t *testing.T) {
	a, m, _ := open(t, 0)
	token, s, err := a.AddShare(t.Context(), 1, "board")
	must(t, err)
	if len(token) < 28 || s.Site != 1 || s.Name != "board" || s.Created.IsZero() {
		t.Errorf("token %q of %+v", token, s)
	}
	for name, doc := range m.docs {
		if strings.Contains(name+string(doc), token) {
			t.Error("the token is stored")
		}
	}
	other, _, err := a.AddShare(t.Context(), 2, "board") // another site's may have the same name
	must(t, err)
	for plain, want := range map[string]Share{token: s, token + "a": {}, "": {}, fingerprint(token): {}} {
		if got, ok, err := a.Share(plain); got != want || ok != (want != Share{}) || err != nil {
			t.Errorf("%q: %+v, %v, %v", plain, got, ok, err)
		}
	}
	var invalid *InvalidShareError
	for _, name := range []string{"board", "", strings.Repeat("a", shareNameSize+1), "a\nb"} {
		if _, _, err := a.AddShare(t.Context(), 1, name); !errors.As(err, &invalid) {
			t.Errorf("a link called %q: %v", name, err)
		}
	}
	for i := range MaxShares - 1 {
		_, _, err := a.AddShare(t.Context(), 1, fmt.Sprint(i))
		must(t, err)
	}
	if _, _, err := a.AddShare(t.Context(), 1, "one more"); !errors.As(err, &invalid) {
		t.Errorf("more than the limit: %v", err)
	}
	must(t, a.RemoveShare(t.Context(), 1, "board"))
	if err := a.RemoveShare(t.Context(), 1, "board"); !errors.Is(err, ErrShareNotFound) {
		t.Errorf("removed twice: %v", err)
	}
	if _, ok, err := a.Share(token); ok || err != nil {
		t.Errorf("a removed link: %v, %v", ok, err)
	}
	if _, ok, err := a.Share(other); !ok || err != nil {
		t.Errorf("another site's link: %v, %v", ok, err)
	}
}

func TestSitesKey(t *testing.T) {
	a, _, _ := open(t, 2)
	one, _, err := a.AddScopedKey(t.Context(), ScopeSites, 1, "")
	must(t, err)
	all, _, err := a.AddScopedKey(t.Context(), ScopeSites, AllSites, "")
	must(t, err)
	read, _ := addKey(t, a, AllSites, "")
	if site, err := a.CheckSitesKey(one); site != 1 || err != nil {
		t.Errorf("a key of one: %d, %v", site, err)
	}
	if site, err := a.CheckSitesKey(all); site != AllSites || err != nil {
		t.Errorf("a key of all: %d, %v", site, err)
	}
	for _, plain := range []string{read, "", "turf_nothing"} {
		if _, err := a.CheckSitesKey(plain); !errors.Is(err, ErrInvalidKey) {
			t.Errorf("key %q: %v", plain, err)
		}
	}
	if err := errors.Join(a.CheckKey(all, 1), a.CheckIngestKey(all, 1)); !errors.Is(err, ErrInvalidKey) {
		t.Errorf("it reads or sends: %v", err)
	}
	_, err = a.CheckSitesKey(one)
	must(t, err)
	var limit *LimitError
	if _, err := a.CheckSitesKey(one); !errors.As(err, &limit) {
		t.Errorf("the third request: %v", err)
	}
}
