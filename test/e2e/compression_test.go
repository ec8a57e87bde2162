package e2e

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/andybalholm/brotli"

	"yett.dev/e2e/gate"
)

// pages answers as the target's query says: type=…, status=…, length=…, chunked, and header=Name:value.
func pages(t *testing.T) *gate.Backend {
	t.Helper()
	backend := gate.NewBackend(t, "pages")
	backend.Handle(func(w http.ResponseWriter, r *http.Request) {
		query := r.URL.Query()
		for _, field := range query["header"] {
			name, value, _ := strings.Cut(field, ":")
			w.Header().Add(name, value)
		}
		if query.Has("type") {
			w.Header().Set("Content-Type", query.Get("type"))
		}
		length, _ := strconv.Atoi(query.Get("length"))
		if !query.Has("chunked") {
			w.Header().Set("Content-Length", strconv.Itoa(length))
		}
		status, err := strconv.Atoi(query.Get("status"))
		if err != nil {
			status = 200
		}
		w.WriteHeader(status)
		if query.Has("chunked") {
			w.(http.Flusher).Flush()
		}
		if status != 204 && status != 304 {
			io.WriteString(w, page(length))
		}
	})
	return backend
}

// page is text that compresses as text does.
func page(length int) string {
	var text strings.Builder
	for i := 0; text.Len() < length; i++ {
		fmt.Fprintf(&text, "line %d of a page with %x in it\n", i, i*i*7919)
	}
	return text.String()[:length]
}

// decoded is the content of an answer.
func decoded(t *testing.T, coding, body string) string {
	t.Helper()
	plain, err := io.ReadAll(decoder(t, coding, strings.NewReader(body)))
	if err != nil {
		t.Fatalf("%s: %v", coding, err)
	}
	return string(plain)
}

// decoder decodes while it is read.
func decoder(t *testing.T, coding string, body io.Reader) io.Reader {
	t.Helper()
	switch coding {
	case "":
		return body
	case "br":
		return brotli.NewReader(body)
	case "gzip":
		reader, err := gzip.NewReader(body)
		if err != nil {
			t.Fatal(err)
		}
		return reader
	}
	t.Fatalf("coded as %q", coding)
	return nil
}

var bothCodings = map[string]string{"use-gzip": "true", "enable-brotli": "true"}

// What is compressed and what is not, by the answer, the request and the ConfigMap.
func TestCompressionIsChosen(t *testing.T) {
	const html, css = "type=text/html%3B%20charset=utf-8&length=5000", "type=text/css&length=5000"
	const browser = "Accept-Encoding: gzip, deflate, br, zstd"
	const onlyGzip = "Accept-Encoding: gzip"
	type choice struct {
		what, query string
		fields      []string
		coding      string
		vary        bool
	}
	for _, site := range []struct {
		what    string
		config  map[string]string
		choices []choice
	}{
		{"by default nothing is", nil, []choice{{"a browser", html, []string{browser}, "", false}}},
		{"gzip", map[string]string{"use-gzip": "true"}, []choice{
			{"a browser", html, []string{browser}, "gzip", true},
			{"one that takes nothing", html, nil, "", true},
			{"one that refuses gzip", html, []string{"Accept-Encoding: gzip;q=0, *"}, "", true},
			{"in another field", html, []string{"Accept-Encoding: deflate", "Accept-Encoding: gzip;q=0.1"}, "gzip", true},
			{"a listed type", css, []string{onlyGzip}, "gzip", true},
			{"a type in other case", "type=Text/CSS&length=5000", []string{onlyGzip}, "gzip", true},
			{"an image", "type=image/png&length=5000", []string{onlyGzip}, "", false},
			{"no type", "header=Content-Type:&length=5000", []string{onlyGzip}, "", false},
			{"too short", "type=text/css&length=255", []string{onlyGzip}, "", false},
			{"just long enough", "type=text/css&length=256", []string{onlyGzip}, "gzip", true},
			{"of no said length", "type=text/css&length=10&chunked", []string{onlyGzip}, "gzip", true},
			{"404", html + "&status=404", []string{onlyGzip}, "gzip", true},
			{"403", html + "&status=403", []string{onlyGzip}, "gzip", true},
			{"500", html + "&status=500", []string{onlyGzip}, "", false},
			{"206", html + "&status=206", []string{onlyGzip}, "", false},
			{"204", "type=text/css&status=204", []string{onlyGzip}, "", false},
			{"304", "type=text/css&status=304", []string{onlyGzip}, "", false},
			{"coded already", html + "&header=Content-Encoding:br", []string{onlyGzip}, "br-by-itself", false},
			{"not to be transformed", html + "&header=Cache-Control:max-age=1,%20No-Transform", []string{onlyGzip}, "", false},
		}},
		{"both", bothCodings, []choice{
			{"a browser", html, []string{browser}, "br", true},
			{"one without br", html, []string{onlyGzip}, "gzip", true},
			{"one that would rather have gzip", html, []string{"Accept-Encoding: br;q=0.5, gzip"}, "gzip", true},
			{"long enough for br alone", "type=text/css&length=100", []string{browser}, "br", true},
			{"too short for gzip", "type=text/css&length=100", []string{onlyGzip}, "", true},
			{"a type that only br has", "type=application/xml%2Brss&length=5000", []string{browser}, "br", true},
		}},
		{"all types, levels, agents", map[string]string{"use-gzip": "true", "gzip-types": "*", "gzip-level": "9",
			"gzip-min-length": "1000", "gzip-disable": "oldie|^b.t/1"}, []choice{
			{"an image", "type=image/png&length=5000", []string{onlyGzip}, "gzip", true},
			{"no type", "header=Content-Type:&length=5000", []string{onlyGzip}, "gzip", true},
			{"too short", "type=text/css&length=999", []string{onlyGzip}, "", false},
			{"an agent that is spared", html, []string{onlyGzip, "User-Agent: An OLDIE/7"}, "", true},
			{"another one", html, []string{onlyGzip, "User-Agent: bot/1"}, "", true},
			{"neither", html, []string{onlyGzip, "User-Agent: a bot/1"}, "gzip", true},
		}},
		{"a list of types", map[string]string{"use-gzip": "true", "gzip-types": "application/x-a Application/X-B"}, []choice{
			{"the second", "type=application/x-b&length=5000", []string{onlyGzip}, "gzip", true},
			{"text/html always", html, []string{onlyGzip}, "gzip", true},
			{"not listed", css, []string{onlyGzip}, "", false},
		}},
	} {
		t.Run(site.what, func(t *testing.T) {
			g := startSite(t, siteOptions{config: site.config}, pages(t).Addr)
			for _, c := range site.choices {
				answer := g.Get(t, siteHost, "/?"+c.query, c.fields...)
				coding, vary := answer.Header.Get("Content-Encoding"), answer.Header.Get("Vary")
				if c.coding == "br-by-itself" {
					if coding != "br" || answer.Body != page(5000) {
						t.Errorf("%s: coded as %q, %d bytes", c.what, coding, len(answer.Body))
					}
					continue
				}
				if coding != c.coding || (vary == "Accept-Encoding") != c.vary {
					t.Errorf("%s: coded as %q, expected %q; Vary %q", c.what, coding, c.coding, vary)
					continue
				}
				query, _ := url.ParseQuery(c.query)
				length, _ := strconv.Atoi(query.Get("length")) // 0 of those that have no content
				if plain := decoded(t, coding, answer.Body); plain != page(length) || coding != "" && answer.ContentLength != -1 {
					t.Errorf("%s: length %d, content %.100q", c.what, answer.ContentLength, plain)
				}
			}
		})
	}
}

// What an answer's head says of content that was compressed, of content that could have been, and of HEAD's.
func TestCompressionHeads(t *testing.T) {
	g := startSite(t, siteOptions{config: bothCodings}, pages(t).Addr)
	const query = "/?type=text/css&length=5000&header=Accept-Ranges:bytes"
	for _, c := range []struct{ what, header, etag, vary string }{
		{"a strong validator", `ETag:"a"`, `W/"a"`, "Accept-Encoding"},
		{"a weak one", `ETag:W/"a"`, `W/"a"`, "Accept-Encoding"},
		{"none at all", `ETag:a`, "", "Accept-Encoding"},
		{"Vary that says it", "Vary:Origin, accept-encoding", "", "Origin, accept-encoding"},
		{"Vary that says all", "Vary:*", "", "*"},
		{"Vary that says something else", "Vary:Origin", "", "Origin|Accept-Encoding"},
	} {
		answer := g.Get(t, siteHost, query+"&header="+strings.ReplaceAll(strings.ReplaceAll(c.header, " ", "%20"), `"`, "%22"),
			"Accept-Encoding: gzip")
		vary := strings.Join(answer.Header.Values("Vary"), "|")
		if answer.Header.Get("Content-Encoding") != "gzip" || answer.Header.Get("ETag") != c.etag || vary != c.vary {
			t.Errorf("%s: ETag %q, Vary %q", c.what, answer.Header.Get("ETag"), vary)
		}
		if answer.Header.Get("Accept-Ranges") != "" || answer.Header.Get("Content-Length") != "" {
			t.Errorf("%s: %v", c.what, answer.Header)
		}
	}
	plain := g.Get(t, siteHost, query+"&header=ETag:%22a%22")
	if plain.Header.Get("ETag") != `"a"` || plain.Header.Get("Accept-Ranges") != "bytes" || plain.ContentLength != 5000 {
		t.Errorf("uncompressed: %v", plain.Header)
	}
	head := g.Do(t, "HEAD", siteHost, query, "Accept-Encoding: gzip")
	if head.Header.Get("Content-Encoding") != "" || head.ContentLength != 5000 {
		t.Errorf("HEAD: %v", head.Header)
	}
}

// HTTP/1.0 has no chunks: its clients get what is not compressed. Connections are kept either way.
func TestCompressionAndConnections(t *testing.T) {
	g := startSite(t, siteOptions{config: bothCodings}, pages(t).Addr)
	conn := g.Dial(t)
	for i := range 20 {
		conn.Send(t, get(fmt.Sprintf("/?type=text/css&length=%d", 300+i*1000), "Accept-Encoding: gzip"))
		answer := conn.Answer(t, "GET")
		if got := decoded(t, answer.Header.Get("Content-Encoding"), answer.Body); got != page(300+i*1000) {
			t.Fatalf("request %d: %d bytes", i, len(got))
		}
	}
	old := g.Dial(t)
	old.Send(t, "GET /?type=text/css&length=5000 HTTP/1.0\r\nHost: "+siteHost+"\r\nAccept-Encoding: gzip\r\n\r\n")
	if answer := old.Answer(t, "GET"); answer.Header.Get("Content-Encoding") != "" || answer.Body != page(5000) {
		t.Errorf("HTTP/1.0: %v", answer.Header)
	}
}

// The log's bytes are those that were sent; the backend's are its own.
func TestCompressionIsLogged(t *testing.T) {
	g := startSite(t, siteOptions{config: map[string]string{"use-gzip": "true",
		"log-format-upstream": "sent=$body_bytes_sent upstream=$upstream_response_length"}}, pages(t).Addr)
	answer := g.Get(t, siteHost, "/?type=text/css&length=50000", "Accept-Encoding: gzip")
	line := g.AccessLog.WaitLine(t, 0, "upstream=50000", 5*time.Second)
	if want := fmt.Sprintf("sent=%d ", len(answer.Body)); !strings.Contains(line, want) {
		t.Errorf("%q was sent, and logged as %q", want, line)
	}
}

// A large answer is compressed as it comes, in little memory, and slow clients are no reason to gather it.
func TestCompressionOfStreams(t *testing.T) {
	const size = 64 << 20
	block := page(1 << 16)
	backend := gate.NewBackend(t, "large")
	backend.Handle(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		for sent := 0; sent < size; sent += len(block) {
			if _, err := io.WriteString(w, block); err != nil {
				return
			}
		}
	})
	for _, coding := range []string{"gzip", "br"} {
		t.Run(coding, func(t *testing.T) {
			g := startSite(t, siteOptions{config: bothCodings}, backend.Addr)
			conn := g.Dial(t)
			conn.SetDeadline(time.Now().Add(2 * time.Minute * gate.Scale()))
			conn.Send(t, get("/small", "Accept-Encoding: "+coding))
			transfer(t, g, coding, size, func() error {
				response, err := http.ReadResponse(conn.Reader, nil)
				if err != nil {
					return err
				}
				reader := decoder(t, coding, response.Body)
				got := make([]byte, len(block))
				for at := 0; at < size; at += len(block) {
					if _, err := io.ReadFull(reader, got); err != nil {
						return fmt.Errorf("at %d: %w", at, err)
					}
					if !bytes.Equal(got, []byte(block)) {
						return fmt.Errorf("other bytes at %d", at)
					}
				}
				if n, err := io.Copy(io.Discard, reader); n != 0 || err != nil {
					return fmt.Errorf("%d bytes behind the end, %v", n, err)
				}
				return nil
			})
		})
	}
}

// A stream of events is compressed where its type is listed, and each event can be read as soon as it was sent.
func TestCompressionHoldsNoEventBack(t *testing.T) {
	events := make(chan string)
	backend := gate.NewBackend(t, "events")
	backend.Handle(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		w.(http.Flusher).Flush()
		for event := range events {
			io.WriteString(w, event)
			w.(http.Flusher).Flush()
		}
	})
	g := startSite(t, siteOptions{config: map[string]string{"use-gzip": "true", "gzip-types": "text/event-stream"}}, backend.Addr)
	conn := g.Dial(t)
	conn.Send(t, get("/", "Accept-Encoding: gzip", "Accept: text/event-stream"))
	response, err := http.ReadResponse(conn.Reader, nil)
	if err != nil || response.Header.Get("Content-Encoding") != "gzip" {
		t.Fatalf("%v, %v", response, err)
	}
	var reader io.Reader
	var slowest time.Duration
	for i := range 50 {
		event := fmt.Sprintf("data: %d\n\n", i)
		begin := time.Now()
		events <- event
		if reader == nil { // its head comes with the first event
			reader = decoder(t, "gzip", response.Body)
		}
		got := make([]byte, len(event))
		if _, err := io.ReadFull(reader, got); err != nil || string(got) != event {
			t.Fatalf("event %d: %q, %v", i, got, err)
		}
		slowest = max(slowest, time.Since(begin))
	}
	close(events)
	t.Logf("slowest of 50 events: %v", slowest)
	if slowest > 50*time.Millisecond*gate.Scale() {
		t.Errorf("an event took %v", slowest)
	}
}

// Encoders' memory is bounded: where it is used up, by clients that take nothing, answers go uncompressed, and none fails.
func TestCompressionPastItsMemory(t *testing.T) {
	backend := gate.NewBackend(t, "endless")
	backend.Handle(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/css")
		if r.URL.Path == "/small" {
			io.WriteString(w, page(5000))
			return
		}
		for r.Context().Err() == nil {
			if _, err := w.Write(noise(1 << 16)); err != nil {
				return
			}
		}
	})
	g := startSite(t, siteOptions{config: bothCodings}, backend.Addr)
	coding := func(accept string) string {
		answer := g.Get(t, siteHost, "/small", "Accept-Encoding: "+accept)
		coding := answer.Header.Get("Content-Encoding")
		if answer.StatusCode != 200 || decoded(t, coding, answer.Body) != page(5000) {
			t.Fatalf("status %d, coded as %q", answer.StatusCode, coding)
		}
		return coding
	}
	if got := coding("br"); got != "br" {
		t.Fatalf("at first: %q", got)
	}
	pid := g.WorkerPid(0)
	before := gate.PrivateBytes(t, pid)
	var hogs []*gate.RawConn
	for range 40 { // of 2 MB each
		conn := g.Dial(t)
		conn.Send(t, get("/endless", "Accept-Encoding: br"))
		readHead(t, conn)
		hogs = append(hogs, conn)
	}
	if got := coding("br"); got != "" {
		t.Errorf("with all memory in use: %q", got)
	}
	growth := gate.PrivateBytes(t, pid) - before
	t.Logf("40 clients that take nothing: %d KB", growth>>10)
	if growth > 80<<20 && !gate.Sanitized() {
		t.Errorf("the worker grew by %d bytes", growth)
	}
	for _, conn := range hogs {
		conn.Close()
	}
	gate.WaitFor(t, 10*time.Second, "br to be back", func() bool { return coding("br") == "br" })
}

// noise does not compress.
func noise(length int) []byte {
	bytes, seed := make([]byte, length), uint32(1)
	for i := range bytes {
		seed = seed*1664525 + 1013904223
		bytes[i] = byte(seed >> 24)
	}
	return bytes
}
