package embedded

import (
	"fmt"
	"runtime"
	"unsafe"

	"github.com/ebitengine/purego"
)

// handle is an address in the library's own memory.
type handle uintptr

// library is the C interface of libchdb. Its functions may be called from any thread; what a connection allows is said
// at [conn]. All strings cross with their length, so no byte is special in them, and the library copies what it is
// given.
type library struct {
	setSignalHandlers func(enabled int32)
	connect           func(argc int32, argv unsafe.Pointer) *handle
	closeConn         func(*handle)
	query             func(conn handle, sql unsafe.Pointer, sqlLen uintptr, format unsafe.Pointer, formatLen uintptr,
		names, nameLens, values, valueLens unsafe.Pointer, count uintptr) handle
	resultBuffer  func(result handle) unsafe.Pointer
	resultLength  func(result handle) uintptr
	resultError   func(result handle) string
	destroyResult func(result handle)
	insert        func(conn handle, sql unsafe.Pointer, sqlLen uintptr, format unsafe.Pointer, formatLen uintptr) handle
	insertAppend  func(stream handle, data unsafe.Pointer, dataLen uintptr) int32
	insertDone    func(stream handle) handle
	insertCancel  func(stream handle)
	insertError   func(stream handle) string
	destroyInsert func(stream handle)
}

// symbols says which C function each field of l is.
func (l *library) symbols() map[string]any {
	return map[string]any{
		"chdb_set_signal_handlers_enabled": &l.setSignalHandlers,
		"chdb_connect":                     &l.connect,
		"chdb_close_conn":                  &l.closeConn,
		"chdb_query_with_params_n":         &l.query,
		"chdb_result_buffer":               &l.resultBuffer,
		"chdb_result_length":               &l.resultLength,
		"chdb_result_error":                &l.resultError,
		"chdb_destroy_query_result":        &l.destroyResult,
		"chdb_stream_insert_n":             &l.insert,
		"chdb_stream_append":               &l.insertAppend,
		"chdb_stream_done":                 &l.insertDone,
		"chdb_stream_cancel_insert":        &l.insertCancel,
		"chdb_stream_insert_error":         &l.insertError,
		"chdb_destroy_insert_stream":       &l.destroyInsert,
	}
}

// load opens the library at path. It is mapped once and stays in the process: the library cannot be unloaded.
func load(path string) (*library, error) {
	h, err := purego.Dlopen(path, purego.RTLD_NOW|purego.RTLD_LOCAL)
	if err != nil {
		return nil, fmt.Errorf("load the engine's library %s: %w", path, err)
	}
	var l library
	for name, field := range l.symbols() {
		addr, err := purego.Dlsym(h, name)
		if err != nil {
			return nil, fmt.Errorf("the library %s is too old or no libchdb (it has no %s); run scripts/engine: %w",
				path, name, err)
		}
		purego.RegisterFunc(field, addr)
	}
	// Before anything else: the library's handlers for SIGSEGV and others take the signals that the Go runtime needs.
	l.setSignalHandlers(0)
	return &l, nil
}

// connectWith opens a connection with command-line arguments such as --path=DIR. The library tells no reason when it
// fails.
func (l *library) connectWith(args []string) (*handle, error) {
	var pin runtime.Pinner
	defer pin.Unpin()
	argv := make([]unsafe.Pointer, 0, len(args)+2)
	for _, a := range append([]string{"turf"}, args...) {
		c := append([]byte(a), 0)
		pin.Pin(&c[0])
		argv = append(argv, unsafe.Pointer(&c[0]))
	}
	argc := int32(len(argv))
	argv = append(argv, nil)
	pin.Pin(&argv[0])
	h := l.connect(argc, unsafe.Pointer(&argv[0]))
	if h == nil || *h == 0 {
		return nil, errConnect
	}
	return h, nil
}

// execute runs one statement and returns its output in the format. An error is the database's: an [*exception].
func (l *library) execute(conn handle, sql, format string, params []param) ([]byte, error) {
	var pin runtime.Pinner
	defer pin.Unpin()
	names, nameLens := cStrings(&pin, params, func(p param) string { return p.name })
	values, valueLens := cStrings(&pin, params, func(p param) string { return p.value })
	r := l.query(conn, cString(&pin, sql), uintptr(len(sql)), cString(&pin, format), uintptr(len(format)),
		names, nameLens, values, valueLens, uintptr(len(params)))
	return l.take(r)
}

// stream inserts data, which is in the format, into the table and columns that the statement names.
func (l *library) stream(conn handle, statement, format string, data []byte) error {
	var pin runtime.Pinner
	defer pin.Unpin()
	s := l.insert(conn, cString(&pin, statement), uintptr(len(statement)), cString(&pin, format), uintptr(len(format)))
	if s == 0 {
		return errNoResult
	}
	defer l.destroyInsert(s)
	if msg := l.insertError(s); msg != "" {
		return newException(msg)
	}
	for len(data) > 0 {
		n := min(len(data), appendBytes)
		pin.Pin(&data[0])
		if l.insertAppend(s, unsafe.Pointer(&data[0]), uintptr(n)) != 0 {
			msg := l.insertError(s)
			l.insertCancel(s)
			return newException(msg)
		}
		data = data[n:]
	}
	_, err := l.take(l.insertDone(s))
	return err
}

// appendBytes is the size of the pieces in which an insert's data is handed over.
const appendBytes = 1 << 20

// take copies what is in a result and destroys it.
func (l *library) take(r handle) ([]byte, error) {
	if r == 0 {
		return nil, errNoResult
	}
	defer l.destroyResult(r)
	if msg := l.resultError(r); msg != "" {
		return nil, newException(msg)
	}
	n := l.resultLength(r)
	if n == 0 {
		return nil, nil
	}
	out := make([]byte, n)
	copy(out, unsafe.Slice((*byte)(l.resultBuffer(r)), n))
	return out, nil
}

// cString is the address of the bytes of s, which stay where they are while pin holds them.
func cString(pin *runtime.Pinner, s string) unsafe.Pointer {
	if s == "" {
		return nil
	}
	p := unsafe.StringData(s)
	pin.Pin(p)
	return unsafe.Pointer(p)
}

// cStrings makes the two C arrays, of addresses and of lengths, of one string of each parameter.
func cStrings(pin *runtime.Pinner, params []param, of func(param) string) (addresses, lengths unsafe.Pointer) {
	if len(params) == 0 {
		return nil, nil
	}
	ptrs, lens := make([]unsafe.Pointer, len(params)), make([]uintptr, len(params))
	for i, p := range params {
		s := of(p)
		lens[i] = uintptr(len(s))
		if s == "" {
			s = "\x00" // the library refuses a null address
		}
		ptrs[i] = cString(pin, s)
	}
	pin.Pin(&ptrs[0])
	pin.Pin(&lens[0])
	return unsafe.Pointer(&ptrs[0]), unsafe.Pointer(&lens[0])
}
