package clickhouse_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"turf/schema/clickhouse"
)

func openRecords(t *testing.T, db *clickhouse.DB) *clickhouse.Records {
	t.Helper()
	r, err := clickhouse.OpenRecords(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

// list is what All says: id and document of each.
func list(r *clickhouse.Records, kind string) string {
	var b strings.Builder
	for _, record := range r.All(kind) {
		if record.Kind != kind {
			b.WriteString("(" + record.Kind + ")")
		}
		b.WriteString(record.ID + "=" + string(record.Doc) + " ")
	}
	return strings.TrimSpace(b.String())
}

// A script of what two processes do with the same database. Words: put or delete a document, refresh, and what all of
// a kind is.
func TestRecords(t *testing.T) {
	steps := []struct {
		who  int
		do   string
		want string // of kind "key", seen by who, after it
	}{
		{0, "", ""},
		{0, `put key b 1`, "b=1"},
		{0, `put key a "x'y\\z"`, `a="x'y\\z" b=1`},
		{0, `put other c 3`, `a="x'y\\z" b=1`},
		{1, "", ""}, // not read yet
		{1, "refresh", `a="x'y\\z" b=1`},
		{1, "put key b 2", `a="x'y\\z" b=2`},
		{0, "", `a="x'y\\z" b=1`},
		{0, "put key b 3", `a="x'y\\z" b=3`}, // newer, though it had not seen 2
		{1, "refresh", `a="x'y\\z" b=3`},
		{1, "delete key a", "b=3"},
		{1, "delete key never", "b=3"},
		{0, "refresh", "b=3"},
		{0, "put key a 4", "a=4 b=3"},
		{0, "refresh", "a=4 b=3"},
		{1, "refresh", "a=4 b=3"},
		{0, "merge", "a=4 b=3"},
		{2, "open", "a=4 b=3"},
	}
	overBoth(t, func(t *testing.T, config clickhouse.Config) {
		db := open(t, config)
		all := []*clickhouse.Records{openRecords(t, db), openRecords(t, open(t, config)), nil}
		for i, step := range steps {
			r := all[step.who]
			words := strings.SplitN(step.do, " ", 4)
			var err error
			switch words[0] {
			case "put":
				err = r.Put(t.Context(), words[1], words[2], []byte(words[3]))
			case "delete":
				err = r.Delete(t.Context(), words[1], words[2])
			case "refresh":
				err = r.Refresh(t.Context())
			case "merge":
				statement(t, config, "OPTIMIZE TABLE records FINAL")
				err = r.Refresh(t.Context())
			case "open":
				all[step.who] = openRecords(t, db)
			}
			if err != nil {
				t.Fatalf("step %d, %s: %v", i, step.do, err)
			}
			if got := list(all[step.who], "key"); got != step.want {
				t.Errorf("step %d, %s: %s, want %s", i, step.do, got, step.want)
			}
		}
		if doc, ok := all[0].Get("other", "c"); !ok || string(doc) != "3" {
			t.Errorf("Get: %s, %v", doc, ok)
		}
		if doc, ok := all[0].Get("key", "never"); ok {
			t.Errorf("Get of a deleted document: %s", doc)
		}
	})
}

func TestRecordsRefuse(t *testing.T) {
	r := openRecords(t, open(t, engineConfig(t)))
	long := strings.Repeat("x", clickhouse.MaxDocBytes)
	for _, tt := range []struct{ kind, id, doc, want string }{
		{"", "a", "1", "no kind or no id"},
		{"key", "", "1", "no kind or no id"},
		{"key", "a", "{", "not JSON"},
		{"key", "a", "", "not JSON"},
		{"key", "a", `"` + long + `"`, "at most"},
		{"key", long, "1", "longer than"},
	} {
		err := r.Put(t.Context(), tt.kind, tt.id, []byte(tt.doc))
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%.20q %.20q %.20q: %v", tt.kind, tt.id, tt.doc, err)
		}
	}
	if got := list(r, "key"); got != "" {
		t.Errorf("refused documents are there: %s", got)
	}
}

// Of many writes at once, by several processes, all see the same one in the end.
func TestRecordsAtOnce(t *testing.T) {
	db := open(t, engineConfig(t))
	const processes, writes = 3, 5
	var all []*clickhouse.Records
	var wg sync.WaitGroup
	for p := range processes {
		r := openRecords(t, db)
		all = append(all, r)
		wg.Go(func() {
			for i := range writes {
				err := r.Put(t.Context(), "key", "same", fmt.Appendf(nil, "[%d,%d]", p, i))
				if err = errors.Join(err, r.Put(t.Context(), "key", fmt.Sprint(p, i), []byte("1"))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	for _, r := range all {
		if err := r.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := len(r.All("key")); n != processes*writes+1 {
			t.Errorf("%d documents", n)
		}
		if got, want := list(r, "key"), list(all[0], "key"); got != want {
			t.Errorf("%s\nand another process sees\n%s", got, want)
		}
	}
	versions := map[uint64]bool{}
	for _, record := range all[0].All("key") {
		versions[record.Version] = true
	}
	if len(versions) != processes*writes+1 {
		t.Errorf("%d versions of %d documents", len(versions), processes*writes+1)
	}
}

// outage is an engine that can go away.
type outage struct {
	http.RoundTripper
	away atomic.Bool
	// lies: the engine does what it is asked, and the answer is lost.
	lies atomic.Bool
}

var errAway = errors.New("the database is away")

func (o *outage) RoundTrip(r *http.Request) (*http.Response, error) {
	if o.away.Load() {
		return nil, errAway
	}
	res, err := o.RoundTripper.RoundTrip(r)
	if err == nil && o.lies.Load() && strings.HasPrefix(r.URL.Query().Get("query"), "INSERT") {
		io.Copy(io.Discard, res.Body)
		res.Body.Close()
		return nil, errAway
	}
	return res, err
}

func TestRecordsWithoutDatabase(t *testing.T) {
	config := engineConfig(t)
	o := &outage{RoundTripper: config.Transport}
	config.Transport = o
	db := open(t, config)
	r := openRecords(t, db)
	if err := r.Put(t.Context(), "key", "a", []byte("1")); err != nil {
		t.Fatal(err)
	}
	o.away.Store(true)
	for name, err := range map[string]error{
		"put":     r.Put(t.Context(), "key", "a", []byte("2")),
		"delete":  r.Delete(t.Context(), "key", "a"),
		"refresh": r.Refresh(t.Context()),
	} {
		if !errors.Is(err, errAway) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := r.State(); !errors.Is(err, errAway) {
		t.Errorf("state: %v", err)
	}
	if got := list(r, "key"); got != "a=1" {
		t.Errorf("without the database: %s", got)
	}
	_, err := clickhouse.OpenRecords(t.Context(), db)
	if !errors.Is(err, errAway) || !strings.Contains(err.Error(), "open the documents") {
		t.Errorf("open without the database: %v", err)
	}
	if _, err := clickhouse.Open(t.Context(), config); !errors.Is(err, errAway) {
		t.Errorf("open the database: %v", err)
	}
	o.away.Store(false)
	o.lies.Store(true)
	if err := r.Put(t.Context(), "key", "b", []byte("2")); !errors.Is(err, errAway) {
		t.Errorf("put with a lost answer: %v", err)
	}
	o.lies.Store(false)
	if err := r.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := r.State(); err != nil {
		t.Errorf("state: %v", err)
	}
	if got := list(r, "key"); got != "a=1 b=2" {
		t.Errorf("with the database: %s", got)
	}
}

// A batch whose answer was lost is sent again.
func TestWriteWithLostAnswer(t *testing.T) {
	config := engineConfig(t)
	o := &outage{RoundTripper: config.Transport}
	config.Transport = o
	db := open(t, config)
	o.lies.Store(true)
	if err := db.Write(t.Context(), numbered(0)); !errors.Is(err, errAway) {
		t.Errorf("lost answer: %v", err)
	}
	o.lies.Store(false)
	o.away.Store(true)
	if err := db.Write(t.Context(), numbered(0)); !errors.Is(err, errAway) {
		t.Errorf("away: %v", err)
	}
	o.away.Store(false)
	write(t, db, numbered(0))
	if got := one[int64](t, db, "SELECT sum(visits) FROM counts"); got != 400 {
		t.Errorf("%d visits, want 400", got)
	}
}
