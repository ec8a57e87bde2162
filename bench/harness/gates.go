package main

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"text/template"
)

// gate is a proxy that runs.
type gate struct {
	name string
	port int
	tls  bool
	cmd  *exec.Cmd
	pids []int
}

// gateOptions are what benches vary.
type gateOptions struct {
	log       bool   // to a file
	tls       bool   // and HTTP/2 for those who want it
	large     bool   // bodies of any size pass, without a file in between
	manifests string // of yett; "": one Ingress, the same route that the others have
}

// keepAliveRequests is ingress-nginx's number, but for h2load, which opens no connection anew.
func (o gateOptions) keepAliveRequests() int {
	if o.tls {
		return 1_000_000
	}
	return 1000
}

type gateKind struct {
	name  string
	start func(*rig, gateOptions) (*gate, error)
}

var gateKinds = []gateKind{{"yett", startYett}, {"nginx", startNginx}, {"haproxy", startHAProxy}}

// startAll starts one of each, and waits until they serve.
func startAll(r *rig, options gateOptions) ([]*gate, error) {
	var gates []*gate
	for _, kind := range gateKinds {
		g, err := kind.start(r, options)
		if err != nil {
			stopAll(gates)
			return nil, fmt.Errorf("%s: %w", kind.name, err)
		}
		gates = append(gates, g)
	}
	return gates, nil
}

func stopAll(gates []*gate) {
	for _, g := range gates {
		kill(g.cmd)
	}
}

// worker is the process that carries traffic: the one that has used the most CPU time.
func (g *gate) worker() int {
	return slices.MaxFunc(g.pids, func(a, b int) int { return int(cpuNS([]int{a}) - cpuNS([]int{b})) })
}

// settle waits until the gate answers the route that all have, and learns its processes.
func (g *gate) settle() error {
	err := waitFor(g.name+" to serve", func() bool { return g.status() == 200 })
	if err != nil {
		kill(g.cmd)
		return err
	}
	g.pids = family(g.cmd.Process.Pid)
	return nil
}

// status is that of one answer on the route that all gates have; 0: none.
func (g *gate) status() int {
	conn, err := g.dial()
	if err != nil {
		return 0
	}
	defer conn.Close()
	return statusOf(conn, benchHost, "/")
}

func (g *gate) dial() (net.Conn, error) {
	if g.tls {
		return tls.Dial("tcp", g.address(), &tls.Config{ServerName: benchHost, InsecureSkipVerify: true})
	}
	return net.Dial("tcp", g.address())
}

func (g *gate) address() string { return "127.0.0.1:" + strconv.Itoa(g.port) }

// statusOf asks on a connection that is kept. Answers are small enough for one read.
func statusOf(conn net.Conn, host, path string) int {
	if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", path, host); err != nil {
		return 0
	}
	answer := make([]byte, 4096)
	n, err := conn.Read(answer)
	if err != nil || n < 12 {
		return 0
	}
	status, _ := strconv.Atoi(string(answer[9:12]))
	return status
}

func (r *rig) logFile(name string, options gateOptions) string {
	if !options.log {
		return ""
	}
	return filepath.Join(r.dir, name+".access.log")
}

// ---- yett ----

const ingressManifest = `apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: bench}
spec:
  ingressClassName: yett
  tls:
    - hosts: [%[1]s]
      secretName: bench
  rules:
    - host: %[1]s
      http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: bench, port: {number: 80}}}}]}
`

const serviceManifest = `apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: {name: yett}
spec: {controller: yett.dev/ingress-controller}
---
apiVersion: v1
kind: Service
metadata: {name: bench}
spec: {ports: [{port: 80, targetPort: %d}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: bench-1, labels: {kubernetes.io/service-name: bench}}
addressType: IPv4
ports: [{port: %[1]d}]
endpoints: [{addresses: [127.0.0.1]}]
---
apiVersion: v1
kind: ConfigMap
metadata: {name: bench}
data: {ssl-redirect: "false", proxy-body-size: "0", keep-alive-requests: "%[4]d"}
---
apiVersion: v1
kind: Secret
metadata: {name: bench}
type: kubernetes.io/tls
data: {tls.crt: %[2]s, tls.key: %[3]s}
`

// writeManifests makes a directory with the one Ingress that all gates serve.
func (r *rig) writeManifests(options gateOptions) (string, error) {
	dir, err := os.MkdirTemp(r.dir, "manifests-")
	if err != nil {
		return "", err
	}
	err = os.WriteFile(filepath.Join(dir, "service.yaml"), fmt.Appendf(nil, serviceManifest, r.backendPort,
		r.pair.certificateBase64(), r.pair.keyBase64(), options.keepAliveRequests()), 0o644)
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "ingress.yaml"), fmt.Appendf(nil, ingressManifest, benchHost), 0o644)
	}
	return dir, err
}

var listening = regexp.MustCompile(`listening flag=--https?-port .*port=(\d+)`)

func startYett(r *rig, options gateOptions) (*gate, error) {
	if options.manifests == "" {
		dir, err := r.writeManifests(options)
		if err != nil {
			return nil, err
		}
		options.manifests = dir
	}
	access := "off"
	if options.log {
		access = "on"
	}
	ports := []string{"--http-port", "0", "--https-port", "off"}
	if options.tls {
		ports = []string{"--http-port", "off", "--https-port", "0"}
	}
	g := &gate{name: "yett", tls: options.tls}
	g.cmd = pinned(gateCPU, append([]string{filepath.Join(r.build, "yett"), "run", "--manifests", options.manifests,
		"--address", "127.0.0.1", "--healthz-port", "off", "--configmap", "default/bench", "--workers", "1",
		"--access-log", access}, ports...)...)
	complaints, err := os.CreateTemp(r.dir, "yett-log-")
	if err != nil {
		return nil, err
	}
	defer complaints.Close()
	g.cmd.Stderr = complaints
	if options.log {
		if g.cmd.Stdout, err = os.Create(r.logFile("yett", options)); err != nil {
			return nil, err
		}
	}
	if err := g.cmd.Start(); err != nil {
		return nil, err
	}
	err = waitFor("yett to listen", func() bool {
		text, _ := os.ReadFile(complaints.Name())
		found := listening.FindSubmatch(text)
		if found != nil {
			g.port, _ = strconv.Atoi(string(found[1]))
		}
		return found != nil
	})
	if err != nil {
		kill(g.cmd)
		return nil, err
	}
	return g, g.settle()
}

// ---- nginx, as ingress-nginx sets it up: the same fields towards the backend, 320 kept connections ----

var nginxConfig = template.Must(template.New("nginx").Parse(`worker_processes 1;
daemon off;
pid {{.Dir}}/nginx.pid;
error_log {{.Dir}}/nginx.error.log;
events { worker_connections 16384; multi_accept on; }
http {
    client_body_temp_path {{.Dir}}/nginx.body;
    proxy_temp_path {{.Dir}}/nginx.proxy;
    fastcgi_temp_path {{.Dir}}/nginx.fastcgi;
    uwsgi_temp_path {{.Dir}}/nginx.uwsgi;
    scgi_temp_path {{.Dir}}/nginx.scgi;
    keepalive_timeout 75s;
    keepalive_requests {{.KeepAliveRequests}};
    log_format upstreaminfo '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent '
        '"$http_referer" "$http_user_agent" $request_length $request_time [default-bench-80] [] '
        '$upstream_addr $upstream_response_length $upstream_response_time $upstream_status $request_id';
    {{if .Large}}client_max_body_size 0;
    proxy_request_buffering off;{{end}}
    {{if .Log}}access_log {{.Log}} upstreaminfo buffer=64k flush=1s;{{else}}access_log off;{{end}}
    upstream bench {
        server 127.0.0.1:{{.Backend}};
        keepalive 320;
        keepalive_requests 10000;
    }
    server {
        listen 127.0.0.1:{{.Port}}{{if .TLS}} ssl http2;
        ssl_certificate {{.Dir}}/bench.crt;
        ssl_certificate_key {{.Dir}}/bench.key;
        ssl_protocols TLSv1.2 TLSv1.3;
        ssl_buffer_size 4k;
        ssl_session_cache shared:SSL:10m;
        http2_max_concurrent_streams 128{{end}};
        server_name {{.Host}};
        location / {
            proxy_pass http://bench;
            proxy_http_version 1.1;
            proxy_buffering off;
            proxy_redirect off;
            proxy_set_header Connection "";
            proxy_set_header Host $http_host;
            proxy_set_header X-Request-ID $request_id;
            proxy_set_header X-Real-IP $remote_addr;
            proxy_set_header X-Forwarded-For $remote_addr;
            proxy_set_header X-Forwarded-Host $http_host;
            proxy_set_header X-Forwarded-Port $server_port;
            proxy_set_header X-Forwarded-Proto $scheme;
            proxy_set_header X-Forwarded-Scheme $scheme;
            proxy_set_header X-Scheme $scheme;
            proxy_set_header X-Original-Forwarded-For $http_x_forwarded_for;
        }
    }
}
`))

func startNginx(r *rig, options gateOptions) (*gate, error) {
	return startConfigured(r, options, "nginx", nginxConfig, "nginx", "-c")
}

// ---- HAProxy, likewise ----

var haproxyConfig = template.Must(template.New("haproxy").Parse(`global
    nbthread 1
    maxconn 12000
    no strict-limits
    {{if .Log}}log stdout len 4096 format raw local0{{end}}
defaults
    mode http
    {{if .Large}}option splice-auto{{end}}
    timeout connect 5s
    timeout client 60s
    timeout server 60s
    timeout http-keep-alive 75s
    {{if .Log}}log global
    log-format '%ci - - [%T] "%HM %HU %HV" %ST %B "%[capture.req.hdr(0)]" "%[capture.req.hdr(1)]" %U %Ta [%b] [] %si:%sp %B %Tr %ST %ID'{{end}}
frontend gate
    bind 127.0.0.1:{{.Port}}{{if .TLS}} ssl crt {{.Dir}}/bench.pem alpn h2,http/1.1{{end}}
    {{if .Log}}capture request header Referer len 256
    capture request header User-Agent len 256{{end}}
    unique-id-format %[uuid()]
    unique-id-header X-Request-ID
    option forwardfor
    http-request set-header X-Real-IP %[src]
    http-request set-header X-Forwarded-Host %[req.hdr(Host)]
    http-request set-header X-Forwarded-Port %[dst_port]
    http-request set-header X-Forwarded-Proto http
    http-request set-header X-Forwarded-Scheme http
    http-request set-header X-Scheme http
    use_backend bench if { hdr(host) -i {{.Host}} }
backend bench
    http-reuse always
    server one 127.0.0.1:{{.Backend}} pool-max-conn 320
`))

func startHAProxy(r *rig, options gateOptions) (*gate, error) {
	return startConfigured(r, options, "haproxy", haproxyConfig, "haproxy", "-db", "-f")
}

// startConfigured runs `command` with a configuration file as its last argument.
func startConfigured(r *rig, options gateOptions, name string, config *template.Template, command ...string) (*gate, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	log := r.logFile(name, options)
	var text bytes.Buffer
	err = config.Execute(&text, struct {
		Dir, Log, Host string
		Port, Backend  int
		TLS, Large     bool

		KeepAliveRequests int
	}{r.dir, log, benchHost, port, r.backendPort, options.tls, options.large, options.keepAliveRequests()})
	if err != nil {
		return nil, err
	}
	file := filepath.Join(r.dir, name+".conf")
	if err := os.WriteFile(file, text.Bytes(), 0o644); err != nil {
		return nil, err
	}
	g := &gate{name: name, port: port, tls: options.tls, cmd: pinned(gateCPU, append(command, file)...)}
	var complaint strings.Builder
	g.cmd.Stderr = &complaint
	if name == "haproxy" && log != "" {
		if g.cmd.Stdout, err = os.Create(log); err != nil {
			return nil, err
		}
	}
	if err := g.cmd.Start(); err != nil {
		return nil, err
	}
	if err := g.settle(); err != nil {
		return nil, fmt.Errorf("%w: %s", err, complaint.String())
	}
	return g, nil
}
