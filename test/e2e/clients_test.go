package e2e

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"

	"yett.dev/e2e/gate"
)

// Clients as people have them, over each version of HTTP that they speak, with TLS and in the clear.

// tlsSite is a gate for a.test with a certificate that clients trust.
type tlsSite struct {
	*gate.Gate
	certificate gate.Certificate
	caFile      string
}

func newTLSSite(t *testing.T, config, annotations map[string]string, addresses ...string) *tlsSite {
	t.Helper()
	certificate := gate.NewCertificate(t, siteHost)
	plain := map[string]string{"nginx.ingress.kubernetes.io/ssl-redirect": "false"}
	for name, value := range annotations {
		plain[name] = value
	}
	g := startSite(t, siteOptions{config: config, annotations: plain, tls: []gate.Object{certificate.Secret("site")}}, addresses...)
	return &tlsSite{g, certificate, gate.WriteFile(t, "ca.pem", certificate.CertPEM)}
}

// h2Client speaks HTTP/2 and nothing else to the gate, over TLS or with prior knowledge.
func (s *tlsSite) h2Client(overTLS bool) *http.Client {
	transport := h2c(s.HTTP)
	if overTLS {
		transport = &http2.Transport{TLSClientConfig: s.certificate.Trust(siteHost, "h2"),
			DialTLSContext: func(ctx context.Context, network, _ string, config *tls.Config) (net.Conn, error) {
				return (&tls.Dialer{Config: config}).DialContext(ctx, network, s.HTTPS)
			}}
	}
	return &http.Client{Transport: transport, Timeout: 60 * time.Second * gate.Scale()}
}

func siteURL(overTLS bool, target string) string {
	if overTLS {
		return "https://" + siteHost + target
	}
	return "http://" + siteHost + target
}

// echoBodies answers a POST with its own content as it comes, and everything else as a Backend does.
func echoBodies(t *testing.T) *gate.Backend {
	t.Helper()
	backend := gate.NewBackend(t, "echo")
	backend.Handle(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Got-Protocol", r.Proto)
		w.Header().Set("Got-X-Forwarded-Proto", r.Header.Get("X-Forwarded-Proto"))
		w.Header().Set("Got-Cookie", strings.Join(r.Header["Cookie"], " | "))
		if r.Method != http.MethodPost {
			io.WriteString(w, "echo "+r.RequestURI)
			return
		}
		http.NewResponseController(w).EnableFullDuplex()
		w.WriteHeader(200)
		w.(http.Flusher).Flush()
		io.Copy(flushing{w}, r.Body)
	})
	return backend
}

// flushing sends on each write.
type flushing struct{ http.ResponseWriter }

func (f flushing) Write(p []byte) (int, error) {
	n, err := f.ResponseWriter.Write(p)
	f.ResponseWriter.(http.Flusher).Flush()
	return n, err
}

func TestClientCurl(t *testing.T) {
	s := newTLSSite(t, map[string]string{"proxy-body-size": "0"}, nil, echoBodies(t).Addr)
	upload := gate.WriteFile(t, "upload", bytes.Repeat([]byte("upload\n"), 500000))
	_, plainPort, _ := net.SplitHostPort(s.HTTP)
	_, tlsPort, _ := net.SplitHostPort(s.HTTPS)
	for _, c := range []struct{ what, version, url, spoken string }{
		{"HTTP/1.0", "--http1.0", "http://a.test:" + plainPort, "1.1"}, // the gate's own version is in its answers
		{"HTTP/1.1", "--http1.1", "http://a.test:" + plainPort, "1.1"},
		{"HTTP/2 with prior knowledge", "--http2-prior-knowledge", "http://a.test:" + plainPort, "2"},
		{"an upgrade to h2c is passed over", "--http2", "http://a.test:" + plainPort, "1.1"},
		{"HTTP/1.1 over TLS", "--http1.1", "https://a.test:" + tlsPort, "1.1"},
		{"HTTP/2 by ALPN", "--http2", "https://a.test:" + tlsPort, "2"},
	} {
		t.Run(c.what, func(t *testing.T) {
			args := []string{"--silent", "--show-error", "--fail", "--max-time", "60", "--cacert", s.caFile, c.version,
				"--connect-to", "a.test:" + plainPort + ":" + s.HTTP, "--connect-to", "a.test:" + tlsPort + ":" + s.HTTPS}
			out := gate.Tool(t, "curl", append(args, "--write-out", "\n%{http_version}", c.url+"/x?y=1")...)
			if out != "echo /x?y=1\n"+c.spoken {
				t.Errorf("answered %q", out)
			}
			echoed := gate.Tool(t, "curl", append(args, "--data-binary", "@"+upload, c.url+"/")...)
			if len(echoed) != 7*500000 || !strings.HasSuffix(echoed, "upload\nupload\n") {
				t.Errorf("an upload came back as %d bytes", len(echoed))
			}
			head := gate.Tool(t, "curl", append(args, "--head", c.url+"/")...)
			if !strings.Contains(head, " 200") || strings.Contains(head, "echo /") {
				t.Errorf("HEAD: %q", head)
			}
		})
	}
}

var nghttpStatus = regexp.MustCompile(`(?m):status: (\d+)`)

// nghttp and h2load have nghttp2 on the other side, as the gate has it on its own.
func TestClientNghttp(t *testing.T) {
	s := newTLSSite(t, nil, nil, echoBodies(t).Addr)
	for what, url := range map[string]string{"in the clear": "http://" + s.HTTP, "TLS": "https://" + s.HTTPS} {
		t.Run(what, func(t *testing.T) {
			out := gate.Tool(t, "nghttp", "--verbose", "--no-dep", "--header=:authority: a.test", "--header=cookie: a=1",
				"--header=cookie: b=2", "--trailer=x: y", "--multiply=20", url+"/x")
			statuses := nghttpStatus.FindAllStringSubmatch(out, -1)
			if len(statuses) != 20 {
				t.Errorf("%d answers to 20 requests:\n%s", len(statuses), out)
			}
			for _, status := range statuses {
				if status[1] != "200" {
					t.Errorf("status %s", status[1])
				}
			}
			if strings.Count(out, "got-cookie: a=1; b=2") != 20 {
				t.Errorf("crumbs of cookies were not joined:\n%s", out)
			}
		})
	}
}

var h2loadLine = regexp.MustCompile(`requests: (\d+) total, \d+ started, (\d+) done, (\d+) succeeded, (\d+) failed, (\d+) errored`)

func TestClientH2load(t *testing.T) {
	s := newTLSSite(t, map[string]string{"keep-alive-requests": "1000000"}, nil, gate.NewBackend(t, "web").Addr)
	count := 20000 / int(gate.Scale())
	for what, url := range map[string]string{"in the clear": "http://" + s.HTTP, "TLS": "https://" + s.HTTPS} {
		t.Run(what, func(t *testing.T) {
			out := gate.Tool(t, "h2load", "--requests="+strconv.Itoa(count), "--clients=10", "--max-concurrent-streams=50",
				"--header=:authority: a.test", url+"/")
			line := h2loadLine.FindStringSubmatch(out)
			if line == nil || line[3] != strconv.Itoa(count) {
				t.Errorf("of %d requests:\n%s", count, out)
				return
			}
			for text := range strings.Lines(out) {
				if strings.HasPrefix(text, "finished in") || strings.HasPrefix(text, "time for request") {
					t.Log(strings.TrimSpace(text))
				}
			}
		})
	}
}

// Go's own: answers that come while the request is still being sent, both ways at once, and many at a time.
func TestClientGoHTTP2(t *testing.T) {
	s := newTLSSite(t, map[string]string{"proxy-body-size": "0"}, nil, echoBodies(t).Addr)
	for _, overTLS := range []bool{false, true} {
		t.Run(fmt.Sprintf("TLS %v", overTLS), func(t *testing.T) {
			client := s.h2Client(overTLS)
			each(t, 100, func(i int) error {
				sent := bytes.Repeat([]byte{byte(i)}, i*2000)
				response, err := client.Post(siteURL(overTLS, "/"), "application/octet-stream", bytes.NewReader(sent))
				if err != nil {
					return err
				}
				defer response.Body.Close()
				got, err := io.ReadAll(response.Body)
				if err != nil || response.ProtoMajor != 2 || !bytes.Equal(got, sent) {
					return fmt.Errorf("%s, %d bytes of %d, %v", response.Proto, len(got), len(sent), err)
				}
				return nil
			})
			pingPong(t, client, overTLS)
		})
	}
}

// pingPong sends a message, waits until it has come back, and sends the next one, in one request.
func pingPong(t *testing.T, client *http.Client, overTLS bool) {
	t.Helper()
	body, sender := io.Pipe()
	request, err := http.NewRequest("POST", siteURL(overTLS, "/"), body)
	if err != nil {
		t.Fatal(err)
	}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	for i := range 100 {
		message := fmt.Sprintf("message %d", i)
		if _, err := io.WriteString(sender, message); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, len(message))
		if _, err := io.ReadFull(response.Body, got); err != nil || string(got) != message {
			t.Fatalf("%q came back as %q, %v", message, got, err)
		}
	}
	sender.Close()
	if rest, err := io.ReadAll(response.Body); len(rest) != 0 || err != nil {
		t.Errorf("at the end: %q, %v", rest, err)
	}
}

// Content is compressed for clients of HTTP/2 as it is for others.
func TestClientHTTP2Compression(t *testing.T) {
	s := newTLSSite(t, bothCodings, nil, pages(t).Addr)
	for _, coding := range []string{"gzip", "br"} {
		request, err := http.NewRequest("GET", siteURL(true, "/?type=text/css&length=300000"), nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Accept-Encoding", coding)
		response, err := s.h2Client(true).Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		if err != nil || response.Header.Get("Content-Encoding") != coding || len(body) > 200000 || decoded(t, coding, string(body)) != page(300000) {
			t.Errorf("%s: %v, %d bytes, %v", coding, response.Header, len(body), err)
		}
	}
}
