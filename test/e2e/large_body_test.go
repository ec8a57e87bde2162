package e2e

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"math/rand/v2"
	"net/http"
	"os/exec"
	"strconv"
	"sync"
	"testing"
	"time"

	"yett.dev/e2e/gate"
)

// largeBytes is the size of one large body.
func largeBytes() int64 {
	if gate.Sanitized() {
		return 256 << 20
	}
	return 1 << 30
}

// madeBody is a body of so many bytes that look like nothing, and always the same.
func madeBody(bytes int64) io.Reader {
	return io.LimitReader(rand.NewChaCha8([32]byte{1}), bytes)
}

func sumText(sum hash.Hash) string { return hex.EncodeToString(sum.Sum(nil)) }

// blocks copies in pieces of 64 KB, as programs do that move large bodies.
func blocks(to io.Writer, from io.Reader) error {
	_, err := io.CopyBuffer(struct{ io.Writer }{to}, struct{ io.Reader }{from}, make([]byte, 64<<10))
	return err
}

// largeBackend answers /small; other GETs with a made body; and PUT with the checksum of what came.
func largeBackend(bytes int64) http.HandlerFunc {
	return func(w http.ResponseWriter, request *http.Request) {
		switch {
		case request.URL.Path == "/small":
			io.WriteString(w, "small")
		case request.Method == http.MethodPut:
			sum := sha256.New()
			if err := blocks(sum, request.Body); err == nil {
				io.WriteString(w, sumText(sum))
			}
		default:
			w.Header().Set("Content-Length", strconv.FormatInt(bytes, 10))
			blocks(w, madeBody(bytes))
		}
	}
}

// curlSum downloads with curl, and returns the checksum of what came.
func curlSum(g *gate.Gate, limit time.Duration) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	curl := exec.CommandContext(ctx, "curl", "--silent", "--show-error", "--fail", "--header", "Host: "+siteHost, g.URL("/large"))
	sum := sha256.New()
	curl.Stdout = sum
	err := curl.Run()
	return sumText(sum), err
}

// uploadSum uploads with net/http, and returns the checksum that the backend answers.
func uploadSum(g *gate.Gate, bytes int64, limit time.Duration) (string, error) {
	request, err := http.NewRequest(http.MethodPut, g.URL("/large"), madeBody(bytes))
	if err != nil {
		return "", err
	}
	request.Host, request.ContentLength = siteHost, bytes
	client := http.Client{Timeout: limit, Transport: &http.Transport{WriteBufferSize: 64 << 10}}
	defer client.CloseIdleConnections()
	answer, err := client.Do(request)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	return string(text), err
}

// Large bodies in the clear pass the worker by, each way: to the byte, and, both ways at once, without memory and without
// keeping others from their turn.
func TestLargeBodies(t *testing.T) {
	bytes := largeBytes()
	limit := 2 * time.Minute * gate.Scale()
	backend := gate.NewBackend(t, "large")
	backend.Handle(largeBackend(bytes))
	g := startSite(t, siteOptions{config: map[string]string{"proxy-body-size": "0"}}, backend.Addr)
	want := sha256.New()
	if err := blocks(want, madeBody(bytes)); err != nil {
		t.Fatal(err)
	}
	g.Get(t, siteHost, "/small")

	// How much passes by depends on how the machine gives everyone their turns; without splice it is nothing.
	spliced := func() float64 { return g.Metric(t, "yett_spliced_bytes_total") }
	alone := func(way string, sum func() (string, error)) {
		before := spliced()
		got, err := sum()
		if err != nil || got != sumText(want) {
			t.Fatalf("%s: %v %q; want %s", way, err, got, sumText(want))
		}
		passed := spliced() - before
		t.Logf("%s: %.0f %% were spliced", way, 100*passed/float64(bytes))
		if passed < float64(bytes)/4 {
			t.Errorf("%s: only %.0f bytes of %d were spliced", way, passed, bytes)
		}
	}
	alone("download", func() (string, error) { return curlSum(g, limit) })
	alone("upload", func() (string, error) { return uploadSum(g, bytes, limit) })

	stop := otherRequests(t, g, 2*time.Millisecond)
	transfer(t, g, "both ways at once", 2*bytes, func() error {
		var down, up string
		var downErr, upErr error
		var both sync.WaitGroup
		both.Add(2)
		go func() { defer both.Done(); down, downErr = curlSum(g, limit) }()
		go func() { defer both.Done(); up, upErr = uploadSum(g, bytes, limit) }()
		both.Wait()
		if downErr != nil || upErr != nil || down != sumText(want) || up != sumText(want) {
			return fmt.Errorf("download %v %q, upload %v %q; want %s", downErr, down, upErr, up, sumText(want))
		}
		return nil
	})
	small := stop()
	if len(small) < 20 {
		t.Fatalf("%d small requests beside them", len(small))
	}
	p99 := small[len(small)*99/100]
	t.Logf("%d small requests beside them: median %v, p99 %v, slowest %v", len(small), small[len(small)/2], p99, small[len(small)-1])
	if p99 > 500*time.Millisecond*gate.Scale() {
		t.Errorf("p99 of small requests is %v", p99)
	}
}
