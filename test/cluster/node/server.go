package node

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"

	v1 "k8s.io/api/core/v1"
)

// serve answers what the API server asks of a kubelet: GET /containerLogs/NAMESPACE/POD/CONTAINER, /pods, /healthz. And
// one thing that no kubelet does: POST /rotateTokens replaces the tokens of all Pods at once. Through the API server
// that is `kubectl create --raw /api/v1/nodes/NAME/proxy/rotateTokens -f /dev/null`.
func (a *Agent) serve(ctx context.Context) (port int32, err error) {
	settings, err := a.serverTLS()
	if err != nil {
		return 0, err
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(a.network.node.String(), "10250"))
	if err != nil {
		return 0, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /containerLogs/{namespace}/{pod}/{container}", a.serveLogs)
	mux.HandleFunc("GET /pods", a.servePods)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "ok") })
	mux.HandleFunc("POST /rotateTokens", func(w http.ResponseWriter, _ *http.Request) { a.tokens.ring() })
	server := &http.Server{Handler: mux, TLSConfig: settings, ErrorLog: slog.NewLogLogger(slog.Default().Handler(), slog.LevelDebug)}
	go server.ServeTLS(listener, "", "")
	context.AfterFunc(ctx, func() { server.Close() })
	return int32(listener.Addr().(*net.TCPAddr).Port), nil
}

// serverTLS: the certificate is the node's own, as that of a kubelet is where nobody signs it. Clients must have one
// of ClientCA, if there is one.
func (a *Agent) serverTLS() (*tls.Config, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "node:" + a.config.Name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(365 * 24 * time.Hour),
		IPAddresses: []net.IP{a.network.node}, DNSNames: []string{a.config.Name},
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	settings := &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{certificate}, PrivateKey: key}}}
	if a.config.ClientCA == "" {
		return settings, nil
	}
	text, err := os.ReadFile(a.config.ClientCA)
	if err != nil {
		return nil, err
	}
	settings.ClientAuth, settings.ClientCAs = tls.RequireAndVerifyClientCert, x509.NewCertPool()
	if !settings.ClientCAs.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s holds no certificate", a.config.ClientCA)
	}
	return settings, nil
}

func (a *Agent) servePods(w http.ResponseWriter, _ *http.Request) {
	a.podsLock.Lock()
	defer a.podsLock.Unlock()
	list := v1.PodList{Items: []v1.Pod{}}
	for _, p := range a.pods {
		list.Items = append(list.Items, *p.current())
	}
	json.NewEncoder(w).Encode(list)
}

func (a *Agent) serveLogs(w http.ResponseWriter, r *http.Request) {
	p, err := a.findPod(r.PathValue("namespace"), r.PathValue("pod"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	}
	c := p.findContainer(r.PathValue("container"))
	if c == nil {
		http.Error(w, fmt.Sprintf("container %q is not in pod %s", r.PathValue("container"), p.key), http.StatusNotFound)
		return
	}
	request, err := parseLogRequest(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if err := c.copyLog(r.Context(), request, flushing{w}); err != nil && !errors.Is(err, errEnough) {
		http.Error(w, err.Error(), http.StatusBadRequest)
	}
}

func (p *pod) findContainer(name string) *container {
	for _, c := range append(p.mains[:len(p.mains):len(p.mains)], p.inits...) {
		if c.spec.Name == name {
			return c
		}
	}
	return nil
}

func parseLogRequest(r *http.Request) (request logRequest, err error) {
	query := r.URL.Query()
	flag := func(name string) bool { value, _ := strconv.ParseBool(query.Get(name)); return value }
	request = logRequest{Follow: flag("follow"), Previous: flag("previous"), Timestamps: flag("timestamps"), Tail: -1}
	if text := query.Get("tailLines"); text != "" {
		request.Tail, err = strconv.Atoi(text)
	}
	if text := query.Get("limitBytes"); text != "" && err == nil {
		request.Limit, err = strconv.ParseInt(text, 10, 64)
	}
	if text := query.Get("sinceTime"); text != "" && err == nil {
		request.Since, err = time.Parse(time.RFC3339, text)
	}
	if text := query.Get("sinceSeconds"); text != "" && err == nil {
		var seconds int
		seconds, err = strconv.Atoi(text)
		request.Since = time.Now().Add(-time.Duration(seconds) * time.Second)
	}
	return request, err
}

// flushing sends each write at once: somebody is watching.
type flushing struct{ http.ResponseWriter }

func (f flushing) Write(text []byte) (int, error) {
	n, err := f.ResponseWriter.Write(text)
	if flusher, ok := f.ResponseWriter.(http.Flusher); ok {
		flusher.Flush()
	}
	return n, err
}
