package e2e

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"yett.dev/e2e/gate"
)

// admissionReview is what an API server sends, and what it reads of the answer.
type admissionReview struct {
	APIVersion string             `json:"apiVersion"`
	Kind       string             `json:"kind"`
	Request    *admissionRequest  `json:"request,omitempty"`
	Response   *admissionResponse `json:"response,omitempty"`
}

type admissionRequest struct {
	UID       string            `json:"uid"`
	Kind      map[string]string `json:"kind"`
	Resource  map[string]string `json:"resource"`
	Name      string            `json:"name"`
	Namespace string            `json:"namespace"`
	Operation string            `json:"operation"`
	UserInfo  map[string]any    `json:"userInfo"`
	Object    any               `json:"object"`
	OldObject any               `json:"oldObject"`
	DryRun    bool              `json:"dryRun"`
	Options   map[string]string `json:"options"`
}

type admissionResponse struct {
	UID      string   `json:"uid"`
	Allowed  bool     `json:"allowed"`
	Warnings []string `json:"warnings"`
	Status   struct {
		Status, Message, Reason string
		Code                    int
	} `json:"status"`
}

// review of an Ingress as the API server would write it. `old` nil: CREATE.
func review(object, old gate.Object) admissionReview {
	request := admissionRequest{
		UID:       "705ab4f5-6393-11e8-b7cc-42010a800002",
		Kind:      map[string]string{"group": "networking.k8s.io", "version": "v1", "kind": "Ingress"},
		Resource:  map[string]string{"group": "networking.k8s.io", "version": "v1", "resource": "ingresses"},
		Operation: "CREATE",
		UserInfo:  map[string]any{"username": "someone", "groups": []string{"system:authenticated"}},
		Object:    object,
		Options:   map[string]string{"apiVersion": "meta.k8s.io/v1", "kind": "CreateOptions"},
	}
	if object != nil {
		request.Name = object.Metadata()["name"].(string)
		request.Namespace = object.Metadata()["namespace"].(string)
	}
	if old != nil {
		request.Operation, request.OldObject = "UPDATE", old
	}
	return admissionReview{APIVersion: "admission.k8s.io/v1", Kind: "AdmissionReview", Request: &request}
}

// webhookGate is a gate with a webhook, and a client that trusts it.
type webhookGate struct {
	*gate.Gate
	url    string
	files  string
	client *http.Client
}

func writePair(t *testing.T, folder, name string, pair gate.Certificate) {
	t.Helper()
	for file, content := range map[string][]byte{name + ".crt": pair.CertPEM, name + ".key": pair.KeyPEM} {
		temporary := filepath.Join(folder, "."+file)
		if err := os.WriteFile(temporary, content, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(temporary, filepath.Join(folder, file)); err != nil {
			t.Fatal(err)
		}
	}
}

var webhookPort = regexp.MustCompile(`listening\W+flag\W+--validating-webhook\W.*\bport\W+(\d+)`)

func startWebhook(t *testing.T, args []string, parts ...any) *webhookGate {
	t.Helper()
	files := t.TempDir()
	pair := gate.NewCertificate(t, "webhook.test")
	writePair(t, files, "tls", pair)
	return connectWebhook(t, start(t, gate.Options{Args: append(webhookArgs(files), args...)}, parts...), files, pair)
}

func webhookArgs(files string) []string {
	return []string{"--validating-webhook", "127.0.0.1:0",
		"--validating-webhook-certificate", filepath.Join(files, "tls.crt"),
		"--validating-webhook-key", filepath.Join(files, "tls.key")}
}

func connectWebhook(t *testing.T, g *gate.Gate, files string, pair gate.Certificate) *webhookGate {
	t.Helper()
	port := webhookPort.FindStringSubmatch(g.Log.Text())
	if port == nil {
		t.Fatalf("the webhook listens nowhere\n%s", g.Log.Text())
	}
	return &webhookGate{g, "https://127.0.0.1:" + port[1] + "/networking/v1/ingresses?timeout=10s", files,
		&http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{
			ServerName: "webhook.test", RootCAs: pair.Pool()}}}}
}

func (w *webhookGate) post(t *testing.T, body []byte) (int, []byte) {
	t.Helper()
	answer, err := w.client.Post(w.url, "application/json", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	content, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, content
}

func (w *webhookGate) judge(t *testing.T, asked admissionReview) admissionResponse {
	t.Helper()
	body, err := json.Marshal(asked)
	if err != nil {
		t.Fatal(err)
	}
	status, content := w.post(t, body)
	var answered admissionReview
	if err := json.Unmarshal(content, &answered); status != http.StatusOK || err != nil {
		t.Fatalf("answered %d %q: %v", status, content, err)
	}
	if answered.APIVersion != asked.APIVersion || answered.Kind != asked.Kind || answered.Response == nil ||
		answered.Response.UID != asked.Request.UID {
		t.Fatalf("answered %s", content)
	}
	for _, warning := range answered.Response.Warnings {
		if len(warning) > 256 {
			t.Errorf("a warning of %d bytes", len(warning))
		}
	}
	return *answered.Response
}

func aged(name, host, created string) gate.Object {
	return gate.Ingress{Name: name, Created: created, Rules: []gate.Rule{{Host: host, Paths: []gate.Path{{Path: "/", Service: "web"}}}}}.Object()
}

// What is judged how, over one connection that is kept.
func TestAdmission(t *testing.T) {
	w := startWebhook(t, nil, services(t, "web"), aged("old", "old.test", "2024-01-02T00:00:00Z"),
		aged("loser", "old.test", "2024-01-09T00:00:00Z"), aged("young", "young.test", "2024-01-08T00:00:00Z"))
	annotated := func(key, value string) gate.Object {
		return gate.Ingress{Name: "new", Annotations: map[string]string{"nginx.ingress.kubernetes.io/" + key: value},
			Rules: []gate.Rule{{Host: "new.test", Paths: []gate.Path{{Path: "/", Service: "web"}}}}}.Object()
	}
	foreign := aged("new", "old.test", "")
	foreign["spec"].(map[string]any)["ingressClassName"] = "another"
	labelled := aged("loser", "old.test", "2024-01-09T00:00:00Z").Label("touched", "yes")
	service := review(gate.Route("x", "x.test", "/", "web"), nil)
	service.Request.Kind = map[string]string{"group": "", "version": "v1", "kind": "Service"}
	deleted := review(nil, aged("old", "old.test", ""))
	deleted.Request.Operation = "DELETE"
	status := review(aged("new", "old.test", ""), aged("new", "old.test", ""))
	dry := review(aged("new", "old.test", ""), nil)
	dry.Request.DryRun = true
	for _, c := range []struct {
		what          string
		asked         admissionReview
		code          int // 0: allowed
		says, warning string
	}{
		{"a new host", review(aged("new", "new.test", ""), nil), 0, "", ""},
		{"a host that another has", review(aged("new", "old.test", ""), nil), 403, "taken already, by Ingress default/old", ""},
		{"the same, as a dry run", dry, 403, "taken already", ""},
		{"an older one takes over", review(aged("old", "young.test", "2024-01-02T00:00:00Z"), aged("old", "old.test", "2024-01-02T00:00:00Z")),
			403, "would be taken from Ingress default/young", ""},
		{"a label of one that lost before", review(labelled, aged("loser", "old.test", "2024-01-09T00:00:00Z")), 0, "", "taken already"},
		{"no host", review(aged("new", "no_host", ""), nil), 422, "spec.rules[0].host: 'no_host' is", ""},
		{"an invalid value", review(annotated("proxy-read-timeout", "soon"), nil), 422, "proxy-read-timeout", ""},
		{"a refused annotation", review(annotated("configuration-snippet", "deny all;"), nil), 422, "is refused", ""},
		{"an unknown one", review(annotated("proxy-read-timout", "5"), nil), 0, "", "did you mean proxy-read-timeout?"},
		{"a Service to come", review(gate.Route("new", "new.test", "/", "later"), nil), 0, "", "there is no Service default/later"},
		{"a Secret to come", review(tlsRoute("new", "new.test", "later"), nil), 0, "", "there is no Secret default/later"},
		{"another class", review(foreign, nil), 0, "", ""},
		{"another kind", service, 0, "", ""},
		{"a deletion", deleted, 0, "", ""},
		{"unchanged, as when its status is written", status, 0, "", "taken already"},
	} {
		got := w.judge(t, c.asked)
		if got.Allowed != (c.code == 0) || got.Status.Code != c.code || !strings.Contains(got.Status.Message, c.says) {
			t.Errorf("%s: %+v", c.what, got)
		}
		if strings.Contains(strings.Join(got.Warnings, "\n"), c.warning) != true || (c.warning == "") != (len(got.Warnings) == 0) {
			t.Errorf("%s: warned of %q", c.what, got.Warnings)
		}
		t.Logf("%s: %v %s %q", c.what, got.Allowed, got.Status.Message, got.Warnings)
	}
	// What was only asked about has changed nothing.
	w.WaitStatus(t, "new.test", "/", 404)
	for outcome, count := range map[string]float64{"allowed": 6, "refused": 6, "not_ours": 3, "unreadable": 0} {
		if got := w.Metric(t, "yett_admission_reviews_total", `outcome="`+outcome+`"`); got != count {
			t.Errorf("%v reviews are counted as %s, expected %v", got, outcome, count)
		}
	}
}

// What is no review is told so, and the connection goes on where it can.
func TestAdmissionOfNonsense(t *testing.T) {
	w := startWebhook(t, nil, services(t, "web"))
	whole, _ := json.Marshal(review(aged("new", "new.test", ""), nil))
	old := review(aged("new", "new.test", ""), nil)
	old.APIVersion = "admission.k8s.io/v1beta1"
	outdated, _ := json.Marshal(old)
	nameless := review(aged("new", "new.test", ""), nil)
	nameless.Request.UID = ""
	anonymous, _ := json.Marshal(nameless)
	deep := bytes.Repeat([]byte("["), 100000)
	for _, c := range []struct {
		body   []byte
		status int
		says   string
	}{
		{nil, 400, "no JSON"},
		{[]byte("{"), 400, "no JSON"},
		{[]byte("[]"), 400, "no AdmissionReview"},
		{[]byte(`{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1"}`), 400, "request.uid is missing"},
		{[]byte(`{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":7}`), 400, "request.uid is missing"},
		{outdated, 400, "admissionReviewVersions: [v1]"},
		{anonymous, 400, "request.uid is missing"},
		{deep, 400, "no JSON"},
		{whole[:len(whole)/2], 400, "no JSON"},
		{bytes.Repeat([]byte(" "), 3<<20+1), 413, "413"},
		{append(bytes.Repeat([]byte(" "), 3<<20-len(whole)), whole...), 200, `"allowed":true`},
		{whole, 200, `"allowed":true`},
	} {
		status, content := w.post(t, c.body)
		if status != c.status || !strings.Contains(string(content), c.says) {
			t.Errorf("%d bytes are answered %d %q, expected %d and %q", len(c.body), status, content, c.status, c.says)
		}
	}
	answer, err := w.client.Get(w.url)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != 405 || answer.Header.Get("Allow") != "POST" {
		t.Errorf("GET is answered %d, Allow %q", answer.StatusCode, answer.Header.Get("Allow"))
	}
	// In chunks, and after a question whether to send it at all.
	for _, length := range []int64{-1, int64(len(whole))} {
		request, _ := http.NewRequest("POST", w.url, io.NopCloser(bytes.NewReader(whole)))
		request.ContentLength = length
		request.Header.Set("Expect", "100-continue")
		answer, err := w.client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		content, _ := io.ReadAll(answer.Body)
		answer.Body.Close()
		if answer.StatusCode != 200 || !strings.Contains(string(content), `"allowed":true`) {
			t.Errorf("length %d is answered %d %q", length, answer.StatusCode, content)
		}
	}
}

// More than it holds at a time is refused; those that are heard are answered, and so is everyone afterwards.
func TestAdmissionUnderLoad(t *testing.T) {
	w := startWebhook(t, nil, services(t, "web"), aged("old", "old.test", "2024-01-02T00:00:00Z"))
	body, _ := json.Marshal(review(aged("new", "old.test", ""), nil))
	load := w.StartLoad(t, gate.LoadOptions{Clients: 4, Host: "old.test"})
	address := strings.TrimPrefix(strings.Split(w.url, "/networking")[0], "https://")
	var idle []net.Conn
	for range 100 { // none of them speaks TLS
		if conn, err := net.DialTimeout("tcp", address, time.Second); err == nil {
			idle = append(idle, conn)
		}
	}
	for _, conn := range idle {
		conn.Close()
	}
	var wait sync.WaitGroup
	for range 8 {
		wait.Add(1)
		go func() {
			defer wait.Done()
			for range 50 {
				answer, err := w.client.Post(w.url, "application/json", bytes.NewReader(body))
				if err != nil {
					t.Error(err)
					return
				}
				content, _ := io.ReadAll(answer.Body)
				answer.Body.Close()
				if !strings.Contains(string(content), `"allowed":false`) {
					t.Errorf("answered %q", content)
				}
			}
		}()
	}
	wait.Wait()
	if result := load.Stop(); result.Failed() != 0 {
		t.Error(result)
	}
}

// The certificate is followed; one that is broken leaves the one before in use.
func TestAdmissionCertificateIsReloaded(t *testing.T) {
	t.Parallel() // it waits most of its time
	w := startWebhook(t, nil, services(t, "web"))
	address := strings.TrimPrefix(strings.Split(w.url, "/networking")[0], "https://")
	shown := func() string {
		conn, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			return err.Error()
		}
		defer conn.Close()
		return conn.ConnectionState().PeerCertificates[0].Subject.CommonName
	}
	if name := shown(); name != "webhook.test" {
		t.Errorf("first, %q is shown", name)
	}
	writePair(t, w.files, "tls", gate.NewCertificate(t, "renewed.test"))
	gate.WaitFor(t, 10*time.Second, "the new certificate", func() bool { return shown() == "renewed.test" })
	from := len(w.Log.Lines())
	os.WriteFile(filepath.Join(w.files, "tls.key"), []byte("nonsense"), 0o600)
	w.Log.WaitLine(t, from, "webhook_certificate_unusable", 10*time.Second)
	if name := shown(); name != "renewed.test" {
		t.Errorf("after nonsense, %q is shown", name)
	}
	writePair(t, w.files, "tls", gate.NewCertificate(t, "mended.test"))
	gate.WaitFor(t, 10*time.Second, "the mended certificate", func() bool { return shown() == "mended.test" })
}

// Where callers must show a certificate, those without one are not heard.
func TestAdmissionOfCallersWithCertificates(t *testing.T) {
	authority := filepath.Join(t.TempDir(), "ca.crt")
	caller, stranger := gate.NewCertificate(t, "apiserver"), gate.NewCertificate(t, "stranger")
	if err := os.WriteFile(authority, caller.CertPEM, 0o600); err != nil {
		t.Fatal(err)
	}
	w := startWebhook(t, []string{"--validating-webhook-client-ca", authority}, services(t, "web"))
	config := w.client.Transport.(*http.Transport).TLSClientConfig
	with := func(pairs ...gate.Certificate) error {
		c := config.Clone()
		for _, pair := range pairs {
			certificate := pair.Pair(t)
			c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &certificate, nil }
		}
		client := http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{TLSClientConfig: c, DisableKeepAlives: true}}
		body, _ := json.Marshal(review(aged("new", "new.test", ""), nil))
		answer, err := client.Post(w.url, "application/json", bytes.NewReader(body))
		if err == nil {
			answer.Body.Close()
			if answer.StatusCode != 200 {
				err = fmt.Errorf("status %d", answer.StatusCode)
			}
		}
		return err
	}
	if err := with(caller); err != nil {
		t.Errorf("a caller that is known: %v", err)
	}
	if err := with(); err == nil {
		t.Error("a caller without certificate is heard")
	}
	if err := with(stranger); err == nil {
		t.Error("a stranger is heard")
	}
}

// Before anything was read there is nothing to judge by: the failurePolicy of the API server's configuration
// decides.
func TestAdmissionBeforeTheFirstReading(t *testing.T) {
	dir, state := gate.NewDir(t), t.TempDir()
	dir.Write("class.yaml", gate.IngressClass("yett", "yett.dev/ingress-controller", true))
	dir.Write("web.yaml", gate.Join(services(t, "web"), gate.Route("web", "web.test", "/", "web"))...)
	first := gate.Start(t, stateOptions(dir, state))
	waitKept(t, first)
	first.Stop(t)
	back := away(t, dir)
	files, pair := t.TempDir(), gate.NewCertificate(t, "webhook.test")
	writePair(t, files, "tls", pair)
	options := stateOptions(dir, state)
	options.Args = append(options.Args, webhookArgs(files)...)
	w := connectWebhook(t, gate.Start(t, options), files, pair)
	w.WaitBody(t, "web.test", "/", "web")
	body, _ := json.Marshal(review(aged("new", "new.test", ""), nil))
	if status, content := w.post(t, body); status != 503 {
		t.Errorf("answered %d %q", status, content)
	}
	w.Change(t, back)
	if answer := w.judge(t, review(aged("new", "web.test", ""), nil)); answer.Allowed {
		t.Error("a conflict is allowed")
	}
}

// Without certificate there is nothing that an API server could speak to.
func TestWebhookNeedsACertificate(t *testing.T) {
	status, _, stderr := gate.Run(t, "run", "--manifests", t.TempDir(), "--validating-webhook", ":8443")
	if status != 2 || !strings.Contains(stderr, "--validating-webhook-certificate") {
		t.Errorf("status %d: %s", status, stderr)
	}
}
