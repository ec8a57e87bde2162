package httpdiff

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// canary ends every stream: who frames what stands before it differently sees it differently, or not.
const canary = "GET /canary HTTP/1.1\r\nHost: canary\r\nConnection: close\r\n\r\n"

// HEAD is left out: its answers have no body, and the body is how nginx reports.
var (
	methods = []string{"GET", "GET", "GET", "POST", "POST", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "PROPFIND", "M-SEARCH", "get", "TRACE", "CONNECT"}
	targets = []string{"/", "/a/b?c=d", "//x", "/%41%2f", "http://abs/x", "http://abs:81", "/é", "*", "/a b", "/#f", "http://u@h/", "/.."}
	hosts   = []string{"Host: a.example", "Host: A.Example:8080", "Host: [::1]:80", "Host: a_b", "Host: a.", "Host:", "Host: a b", "Host: a,b", "Host: @", "Host: a:x"}
	lengths = []string{"%d", " %d", "%d ", "+%d", "-%d", "0%d", "0x%d", "%d,%[1]d", "%d, %[1]d", "%d.0", "\t%d", "%d\v", "1%018d", "9999999999999999999%d", ""}
	codings = []string{"chunked", "Chunked", " chunked ", "chunked, chunked", "identity", "gzip, chunked", "chunked,", ",chunked", "xchunked", "\vchunked", "\"chunked\"", "chunked;q=1", "chunked\x00", ""}
	others  = []string{"Accept: */*", "X: y\tz", "Connection: keep-alive", "A:", "A_b: c", "TE: trailers", "Keep-Alive: 5", "A: é", "Connection: close", "Connection: x, close", "Expect: 100-continue", "Expect: x", "A : b", ": b", "A", " folded", "A: \x7f", "A\x00: b", "Upgrade: h2c", "Content_Length: 3", "Content-Length : 3", "Transfer-Encoding : chunked", "X: a\rb", "X: a\x00b"}
	sizes   = []string{"%x", "%X", "0%x", "%x;a=b", "%x ;a", "%x ", " %x", "+%x", "-%x", "0x%x", "%x;a=\"\t\"", "10000000000000000%x", "%xg", "%x;\x00", "%x\v"}
	ends    = []string{"\r\n", "\r\n", "\r\n", "\r\n", "\r\n", "\r\n", "\r\n", "\r\n", "\r\n", "\r\n", "\n", "\r", "\r\r\n", "\n\r", "\v\r\n"}
)

type generator struct{ *rand.Rand }

// pick mostly takes the first, which is good; else any.
func (g generator) pick(of []string) string {
	if g.IntN(12) > 0 {
		return of[0]
	}
	return of[g.IntN(len(of))]
}

func (g generator) end() string {
	if g.IntN(60) > 0 {
		return "\r\n"
	}
	return ends[g.IntN(len(ends))]
}

// other picks a field that does not concern the framing, or does not say so.
func (g generator) other() string {
	const harmless = 8
	if g.IntN(6) > 0 {
		return others[g.IntN(harmless)]
	}
	return others[g.IntN(len(others))]
}

func (g generator) content() string {
	return strings.Repeat("x", g.IntN(20))
}

func (g generator) chunkedBody() string {
	var b strings.Builder
	for range g.IntN(3) {
		data := "y" + g.content()
		b.WriteString(fmt.Sprintf(g.pick(sizes), len(data)) + g.end() + data + g.end())
	}
	b.WriteString(g.pick([]string{"0", "00", "0;x", "0 ", "", "-0"}) + g.end())
	if g.IntN(5) == 0 {
		b.WriteString(g.pick(others) + g.end())
	}
	return b.String() + g.end()
}

func (g generator) request() string {
	method := methods[g.IntN(len(methods))]
	version := g.pick([]string{"HTTP/1.1", "HTTP/1.0", "HTTP/1.2", "HTTP/2.0", "http/1.1", "HTTP/1.1 ", "HTTP/01.1", "HTTP/1.10", "HTTP/0.9"})
	space := g.pick([]string{" ", "  ", "\t", " \t"})
	fields := []string{g.pick(hosts)}
	body := ""

	for range g.IntN(3) {
		fields = append(fields, g.other())
	}
	if g.IntN(3) == 0 {
		body = g.content()
		fields = append(fields, "Content-Length:"+fmt.Sprintf(g.pick(lengths), len(body)))
	}
	if g.IntN(3) == 0 {
		fields = append(fields, "Transfer-Encoding:"+g.pick(codings))
		body = g.chunkedBody()
	}
	if g.IntN(20) == 0 {
		fields = append(fields, fields[g.IntN(len(fields))])
	}
	g.Shuffle(len(fields), func(i, j int) { fields[i], fields[j] = fields[j], fields[i] })

	var b strings.Builder
	b.WriteString(g.pick([]string{"", "", "", "\r\n", "\n"}))
	b.WriteString(method + space + g.pick(targets) + " " + version + g.end())
	for _, f := range fields {
		b.WriteString(f + g.end())
	}
	return b.String() + g.end() + body
}

// mutate spoils a byte or two, as no grammar would.
func (g generator) mutate(stream []byte) []byte {
	const spice = "\r\n\t :;,\x00\x7f/0Aa"
	for range 1 + g.IntN(2) {
		at := g.IntN(len(stream))
		switch g.IntN(3) {
		case 0:
			stream[at] = spice[g.IntN(len(spice))]
		case 1:
			stream = append(stream[:at], stream[at+1:]...)
		case 2:
			stream = append(stream[:at+1], stream[at:]...)
			stream[at] = spice[g.IntN(len(spice))]
		}
	}
	return stream
}

func (g generator) stream() []byte {
	var b strings.Builder
	for range 1 + g.IntN(2) {
		b.WriteString(g.request())
	}
	b.WriteString(canary)
	stream := []byte(b.String())
	if g.IntN(3) == 0 {
		stream = g.mutate(stream)
	}
	return stream
}
