package embedded

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	chproto "github.com/ClickHouse/ch-go/proto"
	"github.com/ClickHouse/clickhouse-go/v2/lib/proto"
)

// recode turns a Native stream of revision 0, which is all that the library writes, into one of the client's revision:
// with block info before each block and a byte about serialization before each column. Only a column's own decoder
// knows where it ends, so blocks are decoded and encoded again. An empty stream stays empty. It reads through the buffer,
// which is to be of recodeBuffer: one of another size is not used but a new one is made.
func recode(in []byte, revision uint64, buffer *bufio.Reader) ([]byte, error) {
	buffer.Reset(bytes.NewReader(in))
	defer buffer.Reset(nil)
	r := chproto.NewReader(buffer)
	out := chproto.Buffer{Buf: make([]byte, 0, len(in)+len(in)/64+64)}
	for {
		block := proto.NewBlock()
		if err := block.Decode(r, 0); err != nil {
			if errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
				return out.Buf, nil
			}
			return nil, fmt.Errorf("read the library's Native output: %w", err)
		}
		if err := encodeBlock(&out, block, revision); err != nil {
			return nil, fmt.Errorf("encode a block for the client: %w", err)
		}
	}
}

// recodeBuffer is the size of the buffers of chproto.Reader, in bytes: half of what an answer of some rows allocates.
const recodeBuffer = 128 << 10

func encodeBlock(out *chproto.Buffer, block *proto.Block, revision uint64) error {
	if block.Rows() > 0 || len(block.Columns) == 0 {
		return block.Encode(out, revision)
	}
	// A block without rows has names and types only. Encode would add the prefix of LowCardinality, which no reader
	// expects.
	if err := block.EncodeHeader(out, revision); err != nil {
		return err
	}
	for i, c := range block.Columns {
		out.PutString(block.ColumnsNames()[i])
		out.PutString(string(c.Type()))
		if revision >= proto.DBMS_MIN_REVISION_WITH_CUSTOM_SERIALIZATION {
			out.PutBool(false)
		}
	}
	return nil
}
