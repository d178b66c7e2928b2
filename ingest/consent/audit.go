package consent

import (
	"archive/zip"
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/labstack/echo/v4"
	"golang.org/x/mod/sumdb/tlog"

	"turf/schema"
)

// The files of an audit's export.
const (
	zipReadme      = "README.txt"
	zipHead        = "checkpoint.txt"
	zipLeaves      = "leaves.ndjson"
	zipCheckpoints = "checkpoints.ndjson"
	zipNotices     = "notices.json"
	zipPurposes    = "purposes.json"
)

const maxZipLine = 512 << 10 // bytes

// leafLine is a leaf of the log, with its proof under the checkpoint in zipHead.
type leafLine struct {
	Index int64    `json:"leaf_index"`
	Leaf  string   `json:"leaf"` // base64
	Path  []string `json:"path"`
	// Of an event whose payload is there. The event's canonical form and the salt before it are what the leaf commits
	// to.
	Salt  string          `json:"salt,omitempty"` // base64
	Event json.RawMessage `json:"event,omitempty"`
}

// checkpointLine is a checkpoint, with the proof that the log of zipHead begins with its log.
type checkpointLine struct {
	Checkpoint string   `json:"checkpoint"`
	Path       []string `json:"path"`
}

// getAudit gives the site's owner all that proves its consents, as one zip.
func (s *Server) getAudit(ec echo.Context, site *schema.Site) error {
	from, err := time.Parse(time.DateOnly, ec.QueryParam("from"))
	to, err2 := time.Parse(time.DateOnly, ec.QueryParam("to"))
	if err != nil || err2 != nil || to.Before(from) {
		return malformed("from and to must be days such as 2026-11-01, of UTC")
	}
	h := ec.Response().Header()
	h.Set("Content-Type", "application/zip")
	h.Set("Content-Disposition", `attachment; filename="consent-`+site.Domain+`.zip"`)
	return s.ledger.Audit(ec.Response(), site, from, to.AddDate(0, 0, 1))
}

// Audit writes the export of a site: events that the server had at from or later and before to, and all documents.
func (l *Ledger) Audit(w io.Writer, site *schema.Site, from, to time.Time) error {
	var head []byte
	var size, checks int64
	err := l.do(func() error {
		if err := l.checkpoint(l.cfg.Now(), true); err != nil {
			return err
		}
		head, size, checks = l.latest, l.latestSize, l.checks.size
		return nil
	})
	if err != nil {
		return err
	}
	z := zip.NewWriter(w)
	parts := []struct {
		name  string
		write func(io.Writer) error
	}{
		{zipReadme, func(w io.Writer) error { return l.writeReadme(w, site, from, to) }},
		{zipHead, func(w io.Writer) error { _, err := w.Write(head); return err }},
		{zipNotices, func(w io.Writer) error { return l.writeNotices(w, site.ID) }},
		{zipPurposes, func(w io.Writer) error { return l.writePurposes(w, site.ID) }},
		{zipCheckpoints, func(w io.Writer) error { return l.writeCheckpoints(w, size, checks) }},
		{zipLeaves, func(w io.Writer) error { return l.writeLeaves(w, site.ID, size, from, to) }},
	}
	for _, p := range parts {
		f, err := z.Create(p.name)
		if err == nil {
			err = p.write(f)
		}
		if err != nil {
			return fmt.Errorf("export %s: %w", p.name, err)
		}
	}
	return z.Close()
}

func (l *Ledger) writeReadme(w io.Writer, site *schema.Site, from, to time.Time) error {
	l.mu.Lock()
	key := l.st.keys[0].Key
	l.mu.Unlock()
	_, err := fmt.Fprintf(w, `Proof of consents of %s

Events that the server received from %s to before %s (UTC), with all notices, purposes and settings of the site.

leaves.ndjson       leaves of the log, each with its proof of inclusion under checkpoint.txt. A leaf of an event is "v1", a zero
                    byte and SHA-256(salt || event in canonical JSON, RFC 8785). A leaf of another kind is a document in the clear:
                    n1 notice, p1 purpose, s1 settings, t1 tombstone of an erased event, d1 end of an erasure, k1 key of the log.
checkpoint.txt      the log's head, signed: a note as golang.org/x/mod/sumdb/note reads it.
checkpoints.ndjson  older heads, each with a proof that checkpoint.txt's log begins with its log (RFC 6962).
notices.json, purposes.json   the same documents for reading. A notice's id is the SHA-256 of its canonical JSON.

To verify:  turf consent verify this.zip
or with the key that you wrote down when the log began:  turf consent verify --key '…' this.zip
The log's first key is %s

An event that was erased, because its person asked for it or its time was over, is not here. Its leaf stays in the log and says nothing.
`, site.Domain, from.Format(time.DateOnly), to.Format(time.DateOnly), key)
	return err
}

func (l *Ledger) writeNotices(w io.Writer, site schema.SiteID) error {
	l.mu.Lock()
	notices := slices.Clone(l.st.site(site).notices)
	l.mu.Unlock()
	out := []numbered{}
	for _, n := range notices {
		out = append(out, numbered{n.ID, n.Notice})
	}
	return json.NewEncoder(w).Encode(out)
}

func (l *Ledger) writePurposes(w io.Writer, site schema.SiteID) error {
	l.mu.Lock()
	out := append([]Purpose{}, l.st.site(site).purposes...)
	l.mu.Unlock()
	return json.NewEncoder(w).Encode(out)
}

// writeCheckpoints writes the checkpoints in the first bytes of the file, each with its proof.
func (l *Ledger) writeCheckpoints(w io.Writer, size, bytes int64) error {
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false) // events are as they were hashed
	_, reason, err := scan(io.NewSectionReader(l.checks.f, 0, bytes), magicCheckpoints, false, func(f *frame) error {
		if f.number == 0 {
			return nil
		}
		proof, err := tlog.ProveTree(size, int64(f.number), l.tree)
		if err != nil {
			return err
		}
		return out.Encode(checkpointLine{string(f.data), texts(proof)})
	})
	if err == nil && reason != "" {
		err = errors.New(reason)
	}
	return err
}

// writeLeaves writes the leaves of a site, and those that belong to all.
func (l *Ledger) writeLeaves(w io.Writer, site schema.SiteID, size int64, from, to time.Time) error {
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false) // events are as they were hashed
	errEnd := errors.New("end")
	_, _, err := scan(io.NewSectionReader(l.log.f, 0, 1<<62), magicLog, false, func(f *frame) error {
		n := int64(f.number)
		if n >= size {
			return errEnd
		}
		line := leafLine{Index: n, Leaf: base64.StdEncoding.EncodeToString(f.data)}
		wanted, err := l.fill(&line, f.data, site, from, to)
		if err != nil || !wanted {
			return err
		}
		proof, err := tlog.ProveRecord(size, n, l.tree)
		if err != nil {
			return err
		}
		line.Path = texts(proof)
		return out.Encode(line)
	})
	if errors.Is(err, errEnd) {
		err = nil
	}
	return err
}

// fill adds the payload of an event, and reports whether the leaf belongs into the export.
func (l *Ledger) fill(line *leafLine, leaf []byte, site schema.SiteID, from, to time.Time) (wanted bool, err error) {
	if !bytes.HasPrefix(leaf, []byte(leafEvent)) {
		var d struct {
			Site *schema.SiteID `json:"site_id"`
		}
		if err := json.Unmarshal(leaf[leafKind:], &d); err != nil {
			return false, err
		}
		return d.Site == nil || *d.Site == site, nil
	}
	payload, err := l.payload(line.Index)
	if payload == nil || err != nil {
		return false, err
	}
	e, err := openPayload(payload)
	if err != nil || e.SiteID != site || e.ReceivedAt.Before(from) || !e.ReceivedAt.Before(to) {
		return false, err
	}
	line.Salt, line.Event = base64.StdEncoding.EncodeToString(payload[:saltBytes]), payload[saltBytes:]
	return true, nil
}

// verifyZip checks an export.
func verifyZip(path string, pinned []string) (*Report, error) {
	z, err := zip.OpenReader(path)
	if err != nil {
		return nil, fmt.Errorf("verify: %w", err)
	}
	defer z.Close() //nolint:errcheck // nothing was written
	v := newVerifier("")
	signed, err := wholeFile(&z.Reader, zipHead)
	if err != nil {
		return nil, err
	}
	// The keys are documents among the leaves; which tree those are in, the head says. So its text is read first, and
	// its signature is checked when the keys are known: nothing is believed before that.
	n, err := parseUnsigned(signed)
	if err != nil {
		return nil, err
	}
	if err := eachLine(&z.Reader, zipLeaves, func(text []byte) error { return v.leafLine(text, &n) }); err != nil {
		return nil, err
	}
	head, err := v.zipCheckpoints(&z.Reader, signed)
	if err != nil {
		return nil, err
	}
	if head.root != n.root || head.size != n.size {
		return nil, fmt.Errorf("verify: %s is not what was signed", zipHead)
	}
	if err := v.compareDocuments(&z.Reader); err != nil {
		return nil, err
	}
	return &v.report, v.pinned(pinned)
}

// leafLine checks a leaf against the head.
func (v *verifier) leafLine(text []byte, head *checkpoint) error {
	var line leafLine
	if err := json.Unmarshal(text, &line); err != nil {
		return err
	}
	leaf, err := decode64(base64.StdEncoding, line.Leaf)
	if err != nil {
		return err
	}
	proof, err := parseHashes(line.Path)
	if err != nil {
		return err
	}
	if err := tlog.CheckRecord(proof, head.size, head.root, line.Index, leafHash(leaf)); err != nil {
		return fmt.Errorf("leaf %d: %w", line.Index, err)
	}
	v.report.Leaves++
	if !bytes.HasPrefix(leaf, []byte(leafEvent)) {
		v.report.Documents++
		v.documents = append(v.documents, leaf)
		return soundDocument(leaf, func(d *tombstone) { v.report.Erased++ }, func(d *keyDoc) {
			v.keys = append(v.keys, *d)
			v.keyLeaf[d.Key] = line.Index
		})
	}
	salt, err := decode64(base64.StdEncoding, line.Salt)
	if err != nil || len(salt) != saltBytes {
		return fmt.Errorf("leaf %d: the salt is missing", line.Index)
	}
	payload := append(salt, line.Event...)
	if err := soundEvent(payload); err != nil {
		return fmt.Errorf("leaf %d: %w", line.Index, err)
	}
	if !bytes.Equal(commitment(payload), leaf) {
		return fmt.Errorf("leaf %d: the event is not the one that the leaf commits to", line.Index)
	}
	v.report.Events++
	return nil
}

// zipCheckpoints checks the older checkpoints, in their order, and then the head.
func (v *verifier) zipCheckpoints(z *zip.Reader, signed []byte) (head checkpoint, err error) {
	if head, err = parseUnsigned(signed); err != nil {
		return head, err
	}
	err = eachLine(z, zipCheckpoints, func(text []byte) error {
		var line checkpointLine
		if err := json.Unmarshal(text, &line); err != nil {
			return err
		}
		c, err := v.checkpoint([]byte(line.Checkpoint))
		if err != nil {
			return err
		}
		proof, err := parseHashes(line.Path)
		if err != nil {
			return err
		}
		v.report.Checkpoints++
		return tlog.CheckTree(proof, head.size, head.root, c.size, c.root)
	})
	if err != nil {
		return head, err
	}
	return v.checkpoint(signed)
}

// compareDocuments checks that what is there for reading is what the leaves say.
func (v *verifier) compareDocuments(z *zip.Reader) error {
	notices, purposes := []numbered{}, []Purpose{}
	for _, leaf := range v.documents {
		doc := leaf[leafKind:]
		var err error
		switch string(leaf[:leafKind]) {
		case leafNotice:
			err = read(doc, func(d *noticeDoc) { notices = append(notices, numbered{d.ID, d.Notice}) })
		case leafPurpose:
			err = read(doc, func(d *purposeDoc) { purposes = append(purposes, d.Purpose) })
		}
		if err != nil {
			return err
		}
	}
	for name, want := range map[string]any{zipNotices: notices, zipPurposes: purposes} {
		have, err := wholeFile(z, name)
		if err != nil {
			return err
		}
		text, err := canonicalText(have)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		expected, err := canonical(want)
		if err != nil {
			return err
		}
		if !bytes.Equal(text, expected) {
			return fmt.Errorf("%s is not what the log says", name)
		}
	}
	return nil
}

func parseUnsigned(signed []byte) (checkpoint, error) {
	text, _, _ := bytes.Cut(signed, []byte("\n\n"))
	return parseCheckpoint(string(text) + "\n")
}

func parseHashes(texts []string) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(texts))
	for i, t := range texts {
		b, err := decode64(base64.StdEncoding, t)
		if err != nil || len(b) != tlog.HashSize {
			return nil, errors.New("a hash of a proof cannot be read")
		}
		copy(out[i][:], b)
	}
	return out, nil
}

func wholeFile(z *zip.Reader, name string) ([]byte, error) {
	f, err := z.Open(name)
	if err != nil {
		return nil, fmt.Errorf("verify: %w", err)
	}
	defer f.Close() //nolint:errcheck // nothing was written
	text, err := io.ReadAll(io.LimitReader(f, maxNotices*maxDocumentBytes))
	if err != nil {
		return nil, fmt.Errorf("verify %s: %w", name, err)
	}
	return text, nil
}

func eachLine(z *zip.Reader, name string, each func([]byte) error) error {
	f, err := z.Open(name)
	if err != nil {
		return fmt.Errorf("verify: %w", err)
	}
	defer f.Close() //nolint:errcheck // nothing was written
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, maxZipLine)
	for n := 1; lines.Scan(); n++ {
		if err := each(lines.Bytes()); err != nil {
			return fmt.Errorf("%s, line %d: %w", name, n, err)
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("verify %s: %w", name, err)
	}
	return nil
}
