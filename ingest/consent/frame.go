package consent

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
)

// The sizes of the format; FORMAT.md describes it.
const (
	fileHeadBytes  = 16
	frameHeadBytes = 28
	areaHeadBytes  = 4
	maxFrameBytes  = 128 << 10 // data of one record
)

// The magic of each file.
const (
	magicLog         = "TURFCLOGv1\n\x00\x00\x00\x00\x00"
	magicPayloads    = "TURFCPAYv1\n\x00\x00\x00\x00\x00"
	magicCheckpoints = "TURFCCHKv1\n\x00\x00\x00\x00\x00"
)

// DamageError says where a file is not what was written.
type DamageError struct {
	File   string
	Offset int64
	Reason string
}

func (e *DamageError) Error() string {
	return fmt.Sprintf("%s, byte %d: %s", e.File, e.Offset, e.Reason)
}

func castagnoli(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }

// frame is a record of a file. Data is nil where it is erased: then its area is nothing but zeros.
type frame struct {
	offset int64  // of the record in the file
	number uint64 // of the leaf
	before uint64 // so many leaves were durable when it was written
	data   []byte
	length int  // of data, also where it is erased
	torn   bool // the checksum of an area that may be erased is wrong; data is nil
}

func (f *frame) erased() bool { return f.data == nil && !f.torn }

// appendFrame is a whole record.
func appendFrame(b []byte, number, before uint64, data []byte) []byte {
	start := len(b)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(data)))
	b = append(b, "rec\n"...)
	b = binary.LittleEndian.AppendUint64(b, number)
	b = binary.LittleEndian.AppendUint64(b, before)
	b = binary.LittleEndian.AppendUint32(b, castagnoli(b[start:]))
	b = binary.LittleEndian.AppendUint32(b, castagnoli(data))
	return append(b, data...)
}

// frameBytes is the length of a record with so much data.
func frameBytes(n int) int64 { return int64(frameHeadBytes + areaHeadBytes + n) }

// splitFrame reads the record at the start of b, or says why there is none. canErase: its area may be zeros.
func splitFrame(b []byte, canErase bool) (f frame, reason string) {
	if len(b) < frameHeadBytes {
		return f, "record is cut off in its head"
	}
	if castagnoli(b[:24]) != binary.LittleEndian.Uint32(b[24:]) || string(b[4:8]) != "rec\n" {
		return f, "checksum of the record's head is wrong"
	}
	n := binary.LittleEndian.Uint32(b)
	if n == 0 || n > maxFrameBytes {
		return f, "length of the record is wrong"
	}
	f = frame{number: binary.LittleEndian.Uint64(b[8:]), before: binary.LittleEndian.Uint64(b[16:]), length: int(n)}
	if int64(len(b)) < frameBytes(f.length) {
		return f, "record is cut off"
	}
	area := b[frameHeadBytes:frameBytes(f.length)]
	switch {
	case canErase && isZero(area):
	case canErase && binary.LittleEndian.Uint32(area) != castagnoli(area[areaHeadBytes:]):
		f.torn = true
	case binary.LittleEndian.Uint32(area) != castagnoli(area[areaHeadBytes:]):
		return f, "checksum of the record is wrong"
	default:
		f.data = area[areaHeadBytes:]
	}
	return f, ""
}

func isZero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

// scanBytes is the space through which a file is read; a record fits into it.
const scanBytes = 256 << 10

// scan calls each for the records of a file, in their order; a frame's data is good until each returns. It returns the
// offset after the last whole one, and the reason why there is not another one: "" at the end of the file.
func scan(r io.Reader, magic string, canErase bool, each func(*frame) error) (end int64, reason string, err error) {
	b := bufio.NewReaderSize(r, scanBytes)
	head, err := b.Peek(fileHeadBytes)
	if err != nil && err != io.EOF {
		return 0, "", err
	}
	if string(head) != magic {
		return 0, "the head of the file is wrong", nil
	}
	_, _ = b.Discard(fileHeadBytes) // it was there
	for end = fileHeadBytes; ; {
		text, err := b.Peek(frameHeadBytes)
		if err == nil {
			text, err = b.Peek(int(frameBytes(int(min(binary.LittleEndian.Uint32(text), maxFrameBytes)))))
		}
		if err != nil && err != io.EOF {
			return end, "", err
		}
		if len(text) == 0 {
			return end, "", nil
		}
		f, reason := splitFrame(text, canErase)
		if reason != "" {
			return end, reason, nil
		}
		f.offset = end
		if err := each(&f); err != nil {
			return end, "", err
		}
		n, err := b.Discard(int(frameBytes(f.length)))
		if err != nil {
			return end, "", err
		}
		end += int64(n)
	}
}

// durableAfter is how many leaves were durable by the whole records after the first byte, where there is none: what
// was lost before that number was promised.
func durableAfter(text []byte) (most uint64) {
	for at := int64(1); at+frameHeadBytes <= int64(len(text)); at++ {
		b := text[at:]
		if string(b[4:8]) != "rec\n" {
			continue
		}
		if f, reason := splitFrame(b, true); reason == "" || f.length > 0 {
			most = max(most, f.before)
		}
	}
	return most
}

// appendFile is a file that records are appended to.
type appendFile struct {
	f    *os.File
	name string
	size int64
	// fault makes an operation fail, for tests; nil in life.
	fault func(op string) error
}

func (a *appendFile) try(op string) error {
	if a.fault == nil {
		return nil
	}
	return a.fault(op + " " + a.name)
}

// openAppend opens a file, or makes it with its head.
func openAppend(dir *os.Root, name, magic string, fault func(string) error) (*appendFile, error) {
	f, err := dir.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", name, err)
	}
	a := &appendFile{f: f, name: name, fault: fault}
	info, err := f.Stat()
	if err == nil && info.Size() < fileHeadBytes {
		// New, or cut off while it was made.
		if err = a.cut(0); err == nil {
			err = a.append([]byte(magic))
		}
	} else if err == nil {
		a.size = info.Size()
	}
	if err != nil {
		_ = f.Close() // the error that counts is the first
		return nil, fmt.Errorf("open %s: %w", name, err)
	}
	return a, nil
}

// scan is the function of that name, of the whole file.
func (a *appendFile) scan(magic string, canErase bool, each func(*frame) error) (end int64, reason string, err error) {
	end, reason, err = scan(io.NewSectionReader(a.f, 0, a.size), magic, canErase, each)
	if err != nil {
		err = fmt.Errorf("read %s: %w", a.name, err)
	}
	return end, reason, err
}

// rest is the file from an offset on.
func (a *appendFile) rest(offset int64) ([]byte, error) {
	b := make([]byte, a.size-offset)
	if _, err := a.f.ReadAt(b, offset); err != nil {
		return nil, fmt.Errorf("read %s: %w", a.name, err)
	}
	return b, nil
}

// append writes at the end and syncs. When that fails, nothing was appended; when even that cannot be said, the error
// is errBroken.
func (a *appendFile) append(b []byte) error {
	err := a.try("write")
	if err == nil {
		_, err = a.f.WriteAt(b, a.size)
	}
	if err == nil {
		err = a.sync()
	}
	if err == nil {
		a.size += int64(len(b))
		return nil
	}
	if cut := a.cut(a.size); cut != nil {
		return fmt.Errorf("%w: %s: %w, after %w", errBroken, a.name, cut, err)
	}
	return fmt.Errorf("append to %s: %w", a.name, err)
}

// errBroken says that a file is in a state that nobody knows: nothing more is written until a start reads it again.
var errBroken = errors.New("the ledger must be opened again")

// cut takes away all from an offset on, durably.
func (a *appendFile) cut(size int64) error {
	err := a.try("cut")
	if err == nil {
		err = a.f.Truncate(size)
	}
	if err == nil {
		err = a.sync()
	}
	if err != nil {
		return fmt.Errorf("cut %s to %d bytes: %w", a.name, size, err)
	}
	a.size = size
	return nil
}

// erase overwrites the area of a record with zeros, durably.
func (a *appendFile) erase(offset int64, length int) error {
	err := a.try("erase")
	if err == nil {
		_, err = a.f.WriteAt(make([]byte, areaHeadBytes+length), offset+frameHeadBytes)
	}
	if err != nil {
		return fmt.Errorf("erase a payload of %s: %w", a.name, err)
	}
	return nil
}

// read is the data of the record at an offset; nil where it is erased.
func (a *appendFile) read(offset int64) ([]byte, error) {
	head := make([]byte, frameHeadBytes)
	if _, err := a.f.ReadAt(head, offset); err != nil {
		return nil, fmt.Errorf("read %s: %w", a.name, err)
	}
	n := binary.LittleEndian.Uint32(head)
	if n == 0 || n > maxFrameBytes {
		return nil, &DamageError{a.name, offset, "length of the record is wrong"}
	}
	b := make([]byte, frameBytes(int(n)))
	if _, err := a.f.ReadAt(b, offset); err != nil {
		return nil, fmt.Errorf("read %s: %w", a.name, err)
	}
	f, reason := splitFrame(b, true)
	if f.torn {
		reason = "checksum of the record is wrong"
	}
	if reason != "" {
		return nil, &DamageError{a.name, offset, reason}
	}
	return f.data, nil
}

func (a *appendFile) sync() error {
	if err := a.try("sync"); err != nil {
		return err
	}
	return a.f.Sync()
}

func (a *appendFile) close() error { return a.f.Close() }
