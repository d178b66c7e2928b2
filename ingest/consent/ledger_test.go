package consent

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestNoProofNoConsent: a ledger that cannot append grants nothing, and takes grants again when it can.
func TestNoProofNoConsent(t *testing.T) {
	for _, op := range []string{"write payloads", "sync payloads", "write log", "sync log"} {
		t.Run(op, func(t *testing.T) {
			w := newWorld(t)
			before := w.agree("events")
			nobody := &person{w: w, site: "example.com", notice: w.notice}
			size, subjects := w.ledger.size(), w.subjects()
			w.faults.set(op)
			w.refused("POST", "/v1/consent/events", nobody.choice("save", "events"), 503, codeUnavailable)
			if w.ledger.size() != size || w.subjects() != subjects {
				t.Error("something was granted")
			}
			// What is given stays, and a withdrawal holds although it cannot be written: its sender is told to come
			// again.
			if status, code := before.collects(before.view("/a")); status != 202 {
				t.Errorf("%d %s", status, code)
			}
			rec := w.send("POST", "/v1/consent/withdraw", "", before.bearer())
			if rec.Code != 503 || rec.Header().Get("Retry-After") == "" {
				t.Errorf("withdrawal: %d %v", rec.Code, rec.Header())
			}
			if status, code := before.collects(before.view("/a")); status != 403 || code != codeWithdrawn {
				t.Errorf("after a withdrawal that could not be written: %d %s", status, code)
			}
			w.faults.set("")
			if strings.HasPrefix(op, "sync") {
				w.restart() // whether the cut was durable nobody knows: it is read again
			}
			w.must("POST", "/v1/consent/withdraw", "", 204, before.bearer())
			w.must("POST", "/v1/consent/events", nobody.choice("save", "events"), 201)
			w.checkpoint()
			w.verify()
			w.restart()
			if got := before.states(); !slices.Equal(got, []State{Given, Withdrawn}) {
				t.Errorf("states %v", got)
			}
		})
	}
}

// TestErasureOfPayloadsIsDoneAgain: one that fails is done again, at the next tick or at the next start.
func TestErasureOfPayloadsIsDoneAgain(t *testing.T) {
	w := newWorld(t)
	p := w.agree("events")
	w.faults.set("erase payloads")
	w.must("DELETE", "/v1/subjects/"+p.cid+"?site="+p.site, "", 202)
	w.erased(p)
	if !contains(t, w.dir, []byte(refText(p.ref))) {
		t.Fatal("the fault did nothing")
	}
	if _, err := Verify(w.dir); err == nil {
		t.Error("a payload that outlives its tombstone was not found")
	}
	w.faults.set("")
	w.restart()
	if contains(t, w.dir, []byte(refText(p.ref))) {
		t.Error("the payload is still there")
	}
	w.verify()
}

// TestAnInterruptedErasureIsFinished: half of a payload is overwritten when the process ends.
func TestAnInterruptedErasureIsFinished(t *testing.T) {
	w := newWorld(t)
	p := w.agree("events")
	leaf := p.subject().leaves[0].leaf
	w.ledger.mu.Lock()
	at := w.ledger.st.offsets[leaf]
	w.ledger.mu.Unlock()
	w.faults.set("erase payloads")
	w.must("DELETE", "/v1/subjects/"+p.cid+"?site="+p.site, "", 202)
	w.erased(p)
	if err := w.ledger.Close(); err != nil {
		t.Fatal(err)
	}
	overwrite(t, filepath.Join(w.dir, payloadsFile), at.offset+frameHeadBytes, make([]byte, 40))
	w.faults.set("")
	w.open()
	if contains(t, w.dir, []byte("record_id")) && contains(t, w.dir, []byte(p.record)) && len(p.states()) > 0 {
		t.Error("the payload is still there")
	}
	w.checkpoint()
	w.verify()
}

// TestDamage is what a start makes of files that are not what was written.
func TestDamage(t *testing.T) {
	size := func(text []byte) int64 { return int64(len(text)) }
	for _, c := range []struct {
		name   string
		file   string
		signed bool // a checkpoint knows all leaves
		damage func(text []byte) []byte
		opens  bool
		leaves int64 // fewer than were written, when it opens
	}{
		{"nothing", logFile, true, func(b []byte) []byte { return b }, true, 0},
		{"a torn tail of the log", logFile, false, func(b []byte) []byte { return append(b, 1, 2, 3) }, true, 0},
		{"half a leaf at the end", logFile, false, func(b []byte) []byte { return b[:size(b)-10] }, true, 1},
		{"half a leaf that a checkpoint has", logFile, true, func(b []byte) []byte { return b[:size(b)-10] }, false, 0},
		{"a leaf less than a checkpoint has", logFile, true, lastFrame(false), false, 0},
		{"a leaf in the middle", logFile, false, func(b []byte) []byte { b[len(b)/2] ^= 1; return b }, false, 0},
		{"the head of the log", logFile, false, func(b []byte) []byte { b[3] ^= 1; return b }, false, 0},
		{"a torn payload without a leaf", payloadsFile, false, func(b []byte) []byte { return append(b, 1, 2, 3) }, true, 0},
		{"a whole payload without a leaf", payloadsFile, false, func(b []byte) []byte { return appendFrame(b, 1<<20, 0, []byte("x")) }, true, 0},
		{"half a payload", payloadsFile, true, func(b []byte) []byte { return b[:size(b)-10] }, false, 0},
		{"a payload's byte", payloadsFile, true, func(b []byte) []byte { b[len(b)-1] ^= 1; return b }, false, 0},
		{"a payload in the middle", payloadsFile, true, func(b []byte) []byte { b[len(b)/2] ^= 1; return b }, false, 0},
		{"another payload, well made", payloadsFile, true, lastFrame(true), false, 0},
		{"half a checkpoint", checkpointsFile, true, func(b []byte) []byte { return b[:size(b)-10] }, true, 0},
		{"a checkpoint in the middle", checkpointsFile, true, func(b []byte) []byte { b[100] ^= 1; return b }, false, 0},
		{"no hashes", hashesFile, true, func([]byte) []byte { return nil }, true, 0},
		{"other hashes", hashesFile, true, func(b []byte) []byte { b[50] ^= 1; return b }, true, 0},
		{"no keys", keysFile, true, func([]byte) []byte { return nil }, false, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newSmallWorld(t)
			w.agree("events")
			w.checkpoint()
			w.agree("events")
			last := w.agree("journeys")
			if c.signed {
				w.checkpoint()
			}
			size := w.ledger.size()
			w.ledger.stop() // without the checkpoint of Close
			w.ledger.tasks.Wait()
			if err := w.ledger.closeFiles(); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(w.dir, c.file)
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			text = c.damage(text)
			if err := os.WriteFile(path, text, 0o600); err != nil {
				t.Fatal(err)
			}
			l, err := Open(Config{Dir: w.dir, Store: w.store, Now: w.clock.Now, still: true})
			if err == nil {
				defer l.Close() //nolint:errcheck // of a ledger that is asked for
			}
			if (err == nil) != c.opens {
				t.Fatalf("opened: %v", err)
			}
			if err != nil {
				after, readErr := os.ReadFile(path)
				if readErr != nil || !bytes.Equal(after, text) {
					t.Error("a start that was refused changed the file")
				}
				return
			}
			if l.size() != size-c.leaves {
				t.Errorf("%d leaves, want %d", l.size(), size-c.leaves)
			}
			l.mu.Lock()
			there := l.st.subjects[subjectKey{1, last.ref}] != nil
			l.mu.Unlock()
			if there != (c.leaves == 0) {
				t.Error("the last grant is there and its leaf is not, or the other way round")
			}
			if err := l.do(func() error { return l.checkpoint(w.clock.Now(), true) }); err != nil {
				t.Fatal(err)
			}
			if _, err := Verify(w.dir); err != nil {
				t.Errorf("what a start made of it: %v", err)
			}
		})
	}
}

// lastFrame takes the last record away, or puts another one of its length in its place.
func lastFrame(replace bool) func([]byte) []byte {
	return func(b []byte) []byte {
		at, last := fileHeadBytes, fileHeadBytes
		for at < len(b) {
			last = at
			at += int(frameBytes(int(binary.LittleEndian.Uint32(b[at:]))))
		}
		f, _ := splitFrame(b[last:], false)
		if !replace {
			return b[:last]
		}
		return appendFrame(b[:last:last], f.number, f.before, bytes.Repeat([]byte("x"), f.length))
	}
}

func overwrite(t *testing.T, path string, at int64, b []byte) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteAt(b, at)
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
}

// TestCanonicalForm is RFC 8785 for what may be in a document.
func TestCanonicalForm(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{`{"b":1,"a":[true,false,"x"]}`, `{"a":[true,false,"x"],"b":1}`},
		{
			`{"\u20ac":"Euro Sign","\r":"Carriage Return","\ufb33":"Dalet","1":"One","\ud83d\ude00":"Smiley","\u0080":"Control","\u00f6":"O"}`,
			"{\"\\r\":\"Carriage Return\",\"1\":\"One\"," +
				"\"\u0080\":\"Control\",\"ö\":\"O\",\"€\":\"Euro Sign\",\"😀\":\"Smiley\",\"\ufb33\":\"Dalet\"}",
		},
		{`"<>&\u0001\u001f\"\\\/"`, "\"<>&\\u0001\\u001f\\\"\\\\/\""},
		{`-0`, `0`},
		{`9007199254740992`, `9007199254740992`},
		{`1.5`, ""},
		{`1e3`, ""},
		{`null`, ""},
		{`{"a":null}`, ""},
		{`9007199254740994`, ""},
		{`{} {}`, ""},
		{`{`, ""},
		{"\"\xff\"", ""},
		{strings.Repeat("[", 40) + strings.Repeat("]", 40), ""},
	} {
		got, err := canonicalText([]byte(c.text))
		if string(got) != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%s: %s, %v; want %s", c.text, got, err, c.want)
		}
	}
}

// FuzzCanonical: the canonical form of a canonical form is itself.
func FuzzCanonical(f *testing.F) {
	f.Add([]byte(`{"b":1,"a":[true,"x",{"é":"\u0000"}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		once, err := canonicalText(text)
		if err != nil {
			return
		}
		if twice, err := canonicalText(once); err != nil || !bytes.Equal(once, twice) {
			t.Fatalf("%s, then %s, %v", once, twice, err)
		}
	})
}

// FuzzFrame: a record that is read is written again as the same bytes.
func FuzzFrame(f *testing.F) {
	f.Add(appendFrame(nil, 7, 5, []byte("leaf")), false)
	f.Add(make([]byte, 64), true)
	f.Fuzz(func(t *testing.T, text []byte, canErase bool) {
		r, reason := splitFrame(text, canErase)
		if reason != "" || r.data == nil {
			return
		}
		if again := appendFrame(nil, r.number, r.before, r.data); !bytes.HasPrefix(text, again) {
			t.Fatalf("%x is written again as %x", text, again)
		}
	})
}

// FuzzToken: nothing but what was signed is a token.
func FuzzToken(f *testing.F) {
	k, err := newKeyRing()
	if err != nil {
		f.Fatal(err)
	}
	f.Add((&token{key: subjectKey{site: 1}}).sign(k.tokens[0]))
	f.Add("")
	f.Add("\n")
	good := (&token{key: subjectKey{site: 2}}).sign(k.tokens[0])
	f.Fuzz(func(t *testing.T, text string) {
		tok, ok := k.readToken(text)
		if ok && tok.sign(k.tokens[0]) != text {
			t.Fatalf("%s is taken for a token", text)
		}
		if _, ok := k.readToken(good + text); ok && text != "" {
			t.Fatalf("%s after a token is taken for one", text)
		}
	})
}
