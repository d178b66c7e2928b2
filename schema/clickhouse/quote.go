package clickhouse

import (
	"fmt"
	"regexp"
	"strings"

	client "github.com/ClickHouse/clickhouse-go/v2"
)

// MaxParamBytes is the most that the parameters of one statement may be together, as they are sent: over HTTP they
// are part of the URL, for which a server takes 1 MiB.
const MaxParamBytes = 256 << 10

// Inside quotes, ClickHouse reads what C does. All control characters are escaped that have a letter, so that a
// literal is one line.
var quoteEscapes = strings.NewReplacer(
	`\`, `\\`, `'`, `\'`, "\x00", `\0`, "\a", `\a`, "\b", `\b`, "\t", `\t`, "\n", `\n`, "\v", `\v`, "\f", `\f`, "\r", `\r`,
)

// A parameter of a plain type is read as a field of a TabSeparated file.
var fieldEscapes = strings.NewReplacer(
	`\`, `\\`, "\x00", `\0`, "\b", `\b`, "\t", `\t`, "\n", `\n`, "\f", `\f`, "\r", `\r`,
)

// StringArray is the text of a parameter {name:Array(String)} (or of LowCardinality(String)) that holds the values.
// Any bytes come through, whether they are UTF-8 or not.
func StringArray(values []string) string {
	size := len("[]")
	for _, v := range values {
		size += len(v) + len("'',")
	}
	b := make([]byte, 0, size)
	b = append(b, '[')
	for i, v := range values {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, '\'')
		b = append(b, quoteEscapes.Replace(v)...)
		b = append(b, '\'')
	}
	return string(append(b, ']'))
}

// quoteName quotes a name of our own making for use in a statement.
func quoteName(name string) string { return "`" + strings.ReplaceAll(name, "`", "\\`") + "`" }

// placeholder finds {name:Type in a statement.
var placeholder = regexp.MustCompile(`\{\s*([A-Za-z_][A-Za-z0-9_]*)\s*:\s*([A-Za-z0-9]+)`)

// nested types are read as literals; those of all others as fields of a TabSeparated file.
var nested = map[string]bool{"Array": true, "Tuple": true, "Map": true, "Nested": true}

// escapeParams turns plain values into the text that ClickHouse expects of each, which depends on the placeholder's
// type.
func escapeParams(sql string, params map[string]string) (client.Parameters, error) {
	if len(params) == 0 {
		return nil, nil
	}
	types := map[string]string{}
	for _, m := range placeholder.FindAllStringSubmatch(sql, -1) {
		types[m[1]] = m[2]
	}
	escaped, size := make(client.Parameters, len(params)), 0
	for name, value := range params {
		typ, ok := types[name]
		if !ok {
			return nil, fmt.Errorf("parameter %q does not occur in the statement", name)
		}
		if !nested[typ] {
			value = fieldEscapes.Replace(value)
		}
		escaped[name] = value
		size += len(name) + len(value)
	}
	if size > MaxParamBytes {
		return nil, fmt.Errorf("the values are %d bytes together, more than %d: ask for fewer", size, MaxParamBytes)
	}
	return escaped, nil
}
