package httpdiff

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const nginxConf = `
worker_processes 1;
master_process off;
daemon off;
pid nginx.pid;
error_log error.log crit;
events { worker_connections 256; }
http {
	access_log off;
	client_body_temp_path body;
	proxy_temp_path proxy;
	fastcgi_temp_path fastcgi;
	uwsgi_temp_path uwsgi;
	scgi_temp_path scgi;
	large_client_header_buffers 8 32k;
	merge_slashes off;
	lingering_close off;
	lingering_timeout 1s;
	client_body_timeout 1s;
	client_header_timeout 2s;
	server {
		listen 127.0.0.1:%d;
		server_name -;
		location / {
			return 200 "$request_method $request_uri $host";
		}
	}
}
`

// nginx is the second opinion: a real nginx that answers with how it understood each request.
type nginx struct{ addr string }

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func startNginx(t *testing.T) *nginx {
	t.Helper()
	path, err := exec.LookPath("nginx")
	if err != nil {
		path = "/usr/sbin/nginx"
	}
	if _, err := os.Stat(path); err != nil {
		t.Fatal("nginx is missing, the parser that ours is compared with: apt install nginx-light (make deps does it)")
	}

	dir, port := t.TempDir(), freePort(t)
	conf := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(conf, fmt.Appendf(nil, nginxConf, port), 0o644); err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	cmd := exec.Command(path, "-p", dir, "-c", conf, "-e", filepath.Join(dir, "start.log"))
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })

	n := &nginx{addr: fmt.Sprintf("127.0.0.1:%d", port)}
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if c, err := net.Dial("tcp", n.addr); err == nil {
			c.Close()
			return n
		}
	}
	t.Fatalf("nginx does not listen: %s", said.String())
	return nil
}

// nginx still speaks HTTP/0.9: an answer without a head, after which it closes.
const statusOfHTTP09 = 9

// An answer is nginx's to one request: its status, and for 200 what it understood.
type answer struct {
	status               int
	method, target, host string
}

// judge sends the stream, closes its half of the connection, and collects all answers.
func (n *nginx) judge(stream []byte) ([]answer, error) {
	c, err := net.Dial("tcp", n.addr)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(15 * time.Second))
	// nginx may refuse and close before all is sent; its answers count all the same.
	if _, err := c.Write(stream); err == nil {
		c.(*net.TCPConn).CloseWrite()
	}
	raw, err := io.ReadAll(c)
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		return nil, fmt.Errorf("nginx keeps the connection open: %w", err)
	}
	return parseAnswers(raw)
}

func parseAnswers(raw []byte) ([]answer, error) {
	var answers []answer
	r := bufio.NewReader(bytes.NewReader(raw))
	for {
		start, _ := r.Peek(5)
		if len(start) == 0 {
			return answers, nil
		}
		if string(start) != "HTTP/" {
			return append(answers, answer{status: statusOfHTTP09}), nil
		}
		res, err := http.ReadResponse(r, nil)
		if err != nil {
			return answers, fmt.Errorf("nginx's answer %d: %w\n%q", len(answers), err, raw)
		}
		body, err := io.ReadAll(res.Body)
		if err != nil {
			return answers, fmt.Errorf("nginx's answer %d: %w\n%q", len(answers), err, raw)
		}
		if res.StatusCode == http.StatusContinue {
			continue
		}
		a := answer{status: res.StatusCode}
		if parts := strings.Split(string(body), " "); a.status == 200 && len(parts) == 3 {
			a.method, a.target, a.host = parts[0], parts[1], parts[2]
		}
		answers = append(answers, a)
	}
}
