package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"

	"yett.dev/e2e/gate"
)

// browserPage loads a style sheet, scripts and an image, then does what pages do, and posts what became of it.
const browserPage = `<!doctype html>
<link rel="stylesheet" href="/style.css">
<img id="image" src="/image.svg">
<script src="/script.js"></script>
<p id="styled">text</p>
<script>
const report = {}
async function attempt(name, work) {
	try { report[name] = await work() } catch (error) { report[name] = "failed: " + error }
}
function once(target, good, bad) {
	return new Promise((resolve, reject) => { target[good] = resolve; target[bad] = () => reject(bad) })
}
addEventListener("load", async () => {
	await attempt("script", () => scripted)
	await attempt("style", () => getComputedStyle(document.getElementById("styled")).color)
	await attempt("image", () => document.getElementById("image").naturalWidth)
	await attempt("fetches", async () => {
		const all = await Promise.all(Array.from({ length: 50 }, (_, i) => fetch("/json?" + i).then(r => r.json())))
		return all.filter((one, i) => one.query == i && one.filler.length == 20000).length
	})
	await attempt("upload", async () => (await fetch("/length", { method: "POST", body: "u".repeat(300000) })).text())
	await attempt("events", async () => {
		const source = new EventSource("/events")
		let text = ""
		for (let i = 0; i < 3; i++) text += (await once(source, "onmessage", "onerror")).data
		source.close()
		return text
	})
	await attempt("socket", async () => {
		const socket = new WebSocket(location.origin.replace("http", "ws") + "/socket")
		await once(socket, "onopen", "onerror")
		let text = ""
		for (const message of ["one", "x".repeat(100000), "three"]) {
			socket.send(message)
			text += (await once(socket, "onmessage", "onclose")).data.length + " "
		}
		socket.close(1000)
		return text + (await once(socket, "onclose", "onmessage")).code
	})
	await attempt("protocols", () => [...new Set(performance.getEntriesByType("resource").map(e => e.nextHopProtocol))].sort().join(" "))
	await attempt("codings", () => performance.getEntriesByName(location.origin + "/json?7")
		.map(e => e.encodedBodySize < e.decodedBodySize / 2 ? "compressed" : "not compressed").join())
	await fetch("/done", { method: "POST", body: JSON.stringify(report) })
})
</script>`

// browserBackend serves that page, and tells what was posted.
func browserBackend(t *testing.T) (*gate.Backend, chan map[string]any) {
	t.Helper()
	done, reported := make(chan map[string]any, 1), make(chan bool)
	serve := func(kind, text string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", kind)
			io.WriteString(w, text)
		}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/{$}", serve("text/html", browserPage))
	mux.HandleFunc("/style.css", serve("text/css", "#styled { color: rgb(1, 2, 3) }"+strings.Repeat(" ", 1000)))
	mux.HandleFunc("/script.js", serve("text/javascript", "const scripted = 'scripted'"))
	mux.HandleFunc("/image.svg", serve("image/svg+xml", `<svg xmlns="http://www.w3.org/2000/svg" width="37" height="5"/>`))
	mux.HandleFunc("/favicon.ico", http.NotFound)
	mux.HandleFunc("/json", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(map[string]string{"query": r.URL.RawQuery, "filler": page(20000)})
	})
	mux.HandleFunc("/length", func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		fmt.Fprint(w, n)
	})
	mux.HandleFunc("/events", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for i := range 3 {
			fmt.Fprintf(w, "data: %d\n\n", i)
			w.(http.Flusher).Flush()
			time.Sleep(20 * time.Millisecond) // an event of its own each, as the page listens for them
		}
		<-reported // an answer that ends is asked for again
	})
	mux.HandleFunc("/socket", func(w http.ResponseWriter, r *http.Request) {
		conn, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		defer conn.CloseNow()
		conn.SetReadLimit(-1)
		for {
			kind, message, err := conn.Read(context.Background())
			if err != nil || conn.Write(context.Background(), kind, message) != nil {
				return
			}
		}
	})
	mux.HandleFunc("/done", func(w http.ResponseWriter, r *http.Request) {
		report := map[string]any{}
		if err := json.NewDecoder(r.Body).Decode(&report); err != nil {
			t.Error(err)
		}
		close(reported)
		done <- report
	})
	backend := gate.NewBackend(t, "page")
	backend.Handle(mux.ServeHTTP)
	return backend, done
}

// browse opens the URL in a Chromium that knows no address but this one.
func browse(t *testing.T, url, host, address string) {
	t.Helper()
	cmd := exec.Command("chromium-headless-shell", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
		"--disable-component-update", "--no-first-run", "--ignore-certificate-errors", "--user-data-dir="+t.TempDir(),
		"--host-resolver-rules=MAP "+host+" "+address+", MAP * ~NOTFOUND", "--remote-debugging-port=0", url)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	if err := gate.StartProcess(cmd); err != nil {
		t.Fatalf("Chromium: %v", err)
	}
	t.Cleanup(func() {
		syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // with its children
		cmd.Wait()
	})
}

// A page with all that belongs to it, in a real browser: over HTTP/2 by TLS, and over HTTP/1.1 in the clear.
func TestBrowser(t *testing.T) {
	for _, c := range []struct {
		what, scheme, protocols, logged string
	}{
		{"TLS", "https", "h2", "HTTP/2.0"}, // the WebSocket, too: RFC 8441
		{"in the clear", "http", "http/1.1", "HTTP/1.1"},
	} {
		t.Run(c.what, func(t *testing.T) {
			backend, done := browserBackend(t)
			s := newTLSSite(t, bothCodings, nil, backend.Addr)
			address := s.HTTP
			if c.scheme == "https" {
				address = s.HTTPS
			}
			browse(t, c.scheme+"://"+siteHost+"/", siteHost, address)
			var report map[string]any
			select {
			case report = <-done:
			case <-time.After(60 * time.Second * gate.Scale()):
				t.Fatal("the page did not report")
			}
			t.Logf("%v", report)
			s.AccessLog.WaitLine(t, 0, "GET /socket "+c.logged, 5*time.Second)
			for name, want := range map[string]any{"script": "scripted", "style": "rgb(1, 2, 3)", "image": 37.0, "fetches": 50.0,
				"upload": "300000", "events": "012", "socket": "3 100000 5 1000", "protocols": c.protocols, "codings": "compressed"} {
				if report[name] != want {
					t.Errorf("%s: %v, expected %v", name, report[name], want)
				}
			}
		})
	}
}
