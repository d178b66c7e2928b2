package embedded

import (
	"bufio"
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"

	chproto "github.com/ClickHouse/ch-go/proto"
	"github.com/ClickHouse/clickhouse-go/v2/lib/column"
	"github.com/ClickHouse/clickhouse-go/v2/lib/proto"
	"github.com/google/go-cmp/cmp"
)

func TestParseRequest(t *testing.T) {
	none := map[string]string{}
	tests := []struct {
		name, url, body string
		want            statement
	}{
		{
			"select", "/?database=d&default_format=Native&client_protocol_version=54460&max_threads=2&query_id=x", "SELECT 1",
			statement{
				sql: "SELECT 1", database: "d", format: "Native", revision: 54460,
				settings: map[string]string{"max_threads": "2"},
			},
		},
		{
			"parameter", "/?param_x=a%5Ctb", " \n-- why\n/* so */SELECT {x:String}",
			statement{sql: "SELECT {x:String}", params: []param{{"x", `a\tb`}}, format: "Native", settings: none},
		},
		{
			"in the url", "/?query=SELECT+1", "",
			statement{sql: "SELECT 1", format: "Native", settings: none},
		},
		{
			"in both", "/?query=SELECT", "1",
			statement{sql: "SELECT\n1", format: "Native", settings: none},
		},
		{
			"insert", "/?query=INSERT+INTO+t+(a,b)+FORMAT+Native&insert_deduplication_token=n-1", "\x01\x02",
			statement{
				sql: "INSERT INTO t (a,b)", data: []byte{1, 2}, format: "Native",
				settings: map[string]string{"insert_deduplication_token": "n-1"},
			},
		},
		{
			"insert in another format", "/?query=insert+into+t+format+TSV%3B", "1\n",
			statement{sql: "insert into t", data: []byte("1\n"), format: "TSV", settings: none},
		},
		{
			"insert with values", "/", "INSERT INTO t VALUES (1)",
			statement{sql: "INSERT INTO t VALUES (1)", format: "Native", settings: none},
		},
		{
			"insert from a select", "/?query=INSERT+INTO+t+SELECT+1", "",
			statement{sql: "INSERT INTO t SELECT 1", format: "Native", settings: none},
		},
		{
			"format", "/?default_format=Native", "SELECT 1 FORMAT JSONEachRow",
			statement{sql: "SELECT 1 FORMAT JSONEachRow", format: "JSONEachRow", settings: none},
		},
		{
			"uncompressed", "/?compress=0", "SELECT 'x FORMAT TSV'",
			statement{sql: "SELECT 'x FORMAT TSV'", format: "Native", settings: none},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := parseRequest(httptest.NewRequest(http.MethodPost, tt.url, strings.NewReader(tt.body)))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, *got, cmp.AllowUnexported(statement{}, param{})); diff != "" {
				t.Errorf("want -, got +:\n%s", diff)
			}
		})
	}
}

func TestRefusedRequests(t *testing.T) {
	tests := []struct{ name, url, header, value, want string }{
		{"compress", "/?compress=1", "", "", "compression"},
		{"gzip", "/", "Content-Encoding", "gzip", "compression"},
		{"session", "/?session_id=s", "", "", "sessions"},
		{"external table", "/", "Content-Type", "multipart/form-data; boundary=x", "external tables"},
		{"version", "/?client_protocol_version=x", "", "", "client_protocol_version"},
		{"name of a setting", "/?a%3D1%2Cb=2", "", "", "setting"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			req := httptest.NewRequest(http.MethodPost, tt.url, strings.NewReader("SELECT 1"))
			req.Header.Set(tt.header, tt.value)
			_, err := parseRequest(req)
			var ex *exception
			if !errors.As(err, &ex) || ex.Code != 36 || !strings.Contains(ex.Text, tt.want) {
				t.Errorf("got %v, want code 36 and %q", err, tt.want)
			}
		})
	}
	broken := httptest.NewRequest(http.MethodPost, "/?query=INSERT+INTO+t", iotest.ErrReader(errors.New("gone")))
	if _, err := parseRequest(broken); err == nil || !strings.Contains(err.Error(), "gone") {
		t.Errorf("a body that cannot be read: %v", err)
	}
}

func TestChangesConnection(t *testing.T) {
	for sql, want := range map[string]bool{
		"SET a = 1": true, "use x": true, "CREATE TEMPORARY TABLE t (a Int8)": true,
		"create or replace temporary table t": true,
		"SELECT 1":                            false, "SETTINGS": false, "CREATE TABLE temporary (a Int8)": false,
		"INSERT INTO t VALUES (1)": false,
	} {
		if got := (&statement{sql: sql}).changesConnection(); got != want {
			t.Errorf("%s: %v", sql, got)
		}
	}
}

func TestNewException(t *testing.T) {
	tests := []struct {
		in   string
		code int32
		text string
	}{
		{"Code: 60. DB::Exception: no table. (UNKNOWN_TABLE)", 60, "Code: 60. DB::Exception: no table. (UNKNOWN_TABLE)"},
		{"Error: Code: 62. DB::Exception: x", 62, "Code: 62. DB::Exception: x"},
		{"Code: 6. DB::Exception: 'Code: 7.'", 6, "Code: 6. DB::Exception: 'Code: 7.'"},
		{"broken", codeUnknown, "Code: 1002. DB::Exception: broken"},
		{"", codeUnknown, "Code: 1002. DB::Exception: no reason given"},
		{"Code: 99999999999. x", codeUnknown, "Code: 99999999999. x"},
	}
	for _, tt := range tests {
		if got := newException(tt.in); got.Code != tt.code || got.Text != tt.text {
			t.Errorf("%q: %d %q", tt.in, got.Code, got.Text)
		}
	}
}

// A small answer is encoded again without a new buffer.
func TestRecodeAllocates(t *testing.T) {
	block := nativeBlock(t, "a", "LowCardinality(String)", "x", 3)
	buffer := bufio.NewReaderSize(nil, recodeBuffer)
	result := testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		for range b.N {
			if _, err := recode(block, 54460, buffer); err != nil {
				b.Fatal(err)
			}
		}
	})
	if got := result.AllocedBytesPerOp(); got > recodeBuffer/8 {
		t.Errorf("%d bytes are allocated", got)
	}
}

// A stream that was encoded again for the client and decoded by it holds what the library wrote, byte for byte.
func FuzzRecode(f *testing.F) {
	f.Add("a", "LowCardinality(String)", []byte("x"), 3)
	f.Add("b", "Array(Nullable(String))", []byte("\x00\xff"), 0)
	f.Add("c", "Map(String, Array(LowCardinality(String)))", []byte("'"), 2)
	f.Fuzz(func(t *testing.T, name, typ string, value []byte, rows int) {
		if rows < 0 || rows > 100 {
			t.Skip()
		}
		plain := nativeBlock(t, name, typ, string(value), rows)
		const revision = 54460
		out, err := recode(append(bytes.Clone(plain), plain...), revision, bufio.NewReaderSize(nil, recodeBuffer))
		if err != nil {
			t.Fatal(err)
		}
		r := chproto.NewReader(bytes.NewReader(out))
		for range 2 {
			block := proto.NewBlock()
			if err := block.Decode(r, revision); err != nil {
				t.Fatal(err)
			}
			var back chproto.Buffer
			if err := encodeBlock(&back, block, 0); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(back.Buf, plain) {
				t.Errorf("got %q, want %q", back.Buf, plain)
			}
		}
		if _, err := r.ReadByte(); err == nil {
			t.Error("bytes after the last block")
		}
	})
}

// nativeBlock is a block of one column in the library's form. It skips the test when there is no such column.
func nativeBlock(t *testing.T, name, typ, value string, rows int) []byte {
	t.Helper()
	values := map[string]any{
		"String": value, "LowCardinality(String)": value, "Array(Nullable(String))": []*string{&value, nil},
		"Map(String, Array(LowCardinality(String)))": map[string][]string{value: {value, ""}},
	}
	v, ok := values[typ]
	if !ok {
		t.Skip()
	}
	block := proto.NewBlock()
	if err := block.AddColumn(name, column.Type(typ)); err != nil {
		t.Fatal(err)
	}
	for range rows {
		if err := block.Append(v); err != nil {
			t.Fatal(err)
		}
	}
	var b chproto.Buffer
	if err := encodeBlock(&b, block, 0); err != nil {
		t.Fatal(err)
	}
	return b.Buf
}
