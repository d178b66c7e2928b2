package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
)

func TestSecretsAreFound(t *testing.T) {
	var s secrets
	keys := make([][]byte, 1000)
	for i := range keys {
		sum := sha256.Sum256([]byte{byte(i), byte(i >> 8)})
		keys[i] = sum[:16]
		s.add("a key", keys[i])
	}
	noise := bytes.Repeat([]byte("no secret is in here. "), 100_000) // two buffers
	forms := map[string]func([]byte) string{
		"raw": func(b []byte) string { return string(b) },
		"hex": hex.EncodeToString,
		"HEX": func(b []byte) string { return strings.ToUpper(hex.EncodeToString(b)) },
		"b64": base64.StdEncoding.EncodeToString,
		"url": base64.RawURLEncoding.EncodeToString,
	}
	if n, err := s.find(bytes.NewReader(noise)); n != nil || err != nil {
		t.Fatalf("found %v, %v in noise", n, err)
	}
	for name, form := range forms {
		// At the start, over the end of the first buffer, at the end.
		for _, at := range []int{0, 1<<20 - 5, len(noise)} {
			for _, key := range [][]byte{keys[0], keys[777]} {
				text := string(noise[:at]) + form(key) + string(noise[at:])
				if n, err := s.find(iotest.HalfReader(strings.NewReader(text))); n == nil || err != nil {
					t.Errorf("%s at %d: found %v, %v", name, at, n, err)
				}
			}
		}
	}
}

func TestLooksPersonal(t *testing.T) {
	tests := map[string]string{
		"visitor 203.0.113.9 came":                        "an address",
		`{"ip":"203.0.113.9"}`:                            "an address",
		"2001:db8:0:0:0:0:0:1":                            "an address",
		"from 2001:db8:85a3::8a2e to":                     "an address",
		"Mozilla/5.0 (X11; Linux)":                        "a user agent",
		"x AppleWebKit/537.36":                            "a user agent",
		"listen = 127.0.0.1:8080":                         "",
		"0.0.0.0:80":                                      "",
		"version 10.15.7.1 of":                            "an address", // cannot be told apart
		"version 10.15.7":                                 "",
		"Chrome 120":                                      "",
		"12:30:45 and 2026-01-31T12:30:45Z":               "",
		"999.1.1.1":                                       "",
		"sha 0011:aabb":                                   "",
		"/path/1.2.3.4/x":                                 "",
		"d41d8cd98f00b204e9800998ecf8427e":                "",
		"25.10.1.1-stable build of the engine, v1.2.3.4x": "",
	}
	for text, want := range tests {
		if got := looksPersonal([]byte(text)); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestScanFiles(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("a/clean", "nothing")
	write("a/key", "…0123456789abcdef…")
	write("log/text.log", "GET from 203.0.113.9")
	write("store/binary", "203.0.113.9 by chance")
	var s secrets
	s.add("the salt", []byte("0123456789abcdef"))
	found, err := scanFiles(dir, &s, func(name string) bool { return strings.HasSuffix(name, ".log") })
	if err != nil {
		t.Fatal(err)
	}
	want := "a/key holds the salt (raw)|log/text.log holds what looks like an address"
	if got := strings.Join(found.Broken, "|"); got != want || found.Files != 4 {
		t.Errorf("%d files: %s\nwant 4 files: %s", found.Files, got, want)
	}
}
