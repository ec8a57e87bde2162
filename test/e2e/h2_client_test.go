package e2e

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"net"

	"golang.org/x/net/http2"
)

// h2c makes a client that speaks HTTP/2 in the clear to one address, by prior knowledge.
func h2c(address string) *http2.Transport {
	return &http2.Transport{AllowHTTP: true,
		DialTLSContext: func(ctx context.Context, network, _ string, _ *tls.Config) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, address)
		}}
}

// frames writes frames of HTTP/2 that no honest client sends, or not so many of.
type frames struct {
	bytes.Buffer
	stream uint32 // the newest
}

func (f *frames) frame(kind http2.FrameType, flags http2.Flags, stream uint32, payload []byte) {
	head := binary.BigEndian.AppendUint32(nil, uint32(len(payload))<<8|uint32(kind))
	f.Write(append(head, byte(flags)))
	binary.Write(f, binary.BigEndian, stream)
	f.Write(payload)
}

// field is a literal, never indexed, so that no state is needed to repeat it.
func field(name, value string) []byte {
	out := append([]byte{0x10, byte(len(name))}, name...)
	return append(append(out, byte(len(value))), value...)
}

func requestBlock(method, path string, more ...string) []byte {
	block := bytes.Join([][]byte{field(":method", method), field(":scheme", "http"), field(":authority", "web.test"),
		field(":path", path)}, nil)
	for i := 0; i+1 < len(more); i += 2 {
		block = append(block, field(more[i], more[i+1])...)
	}
	return block
}

func (f *frames) open(flags http2.Flags, block []byte) uint32 {
	if f.stream == 0 {
		f.stream = 1
	} else {
		f.stream += 2
	}
	f.frame(http2.FrameHeaders, flags, f.stream, block)
	return f.stream
}

const endBoth = http2.FlagHeadersEndHeaders | http2.FlagHeadersEndStream
