package deploy

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"yett.dev/deploy/container"
)

const (
	user      = 65532
	backend   = "127.0.0.1:9000"
	readyTime = 20 * time.Second
)

// noCapabilities is the value of a Cap… line of /proc/PID/status.
const noCapabilities = "0000000000000000"

const manifests = `
apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: {name: nginx}
spec: {controller: k8s.io/ingress-nginx}
---
apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: {name: yett}
spec: {controller: yett.dev/ingress-controller}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web}
spec:
  ingressClassName: CLASS
  rules:
  - host: web.test
    http:
      paths:
      - path: /
        pathType: Prefix
        backend: {service: {name: web, port: {number: 80}}}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {ports: [{port: 80}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: web, labels: {kubernetes.io/service-name: web}}
addressType: IPv4
ports: [{port: 9000}]
endpoints: [{addresses: [127.0.0.1]}]
`

// manifestsDir is a folder with a route of the class to the backend.
func manifestsDir(t *testing.T, class string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	text := strings.ReplaceAll(manifests, "CLASS", class)
	if err := os.WriteFile(filepath.Join(dir, "web.yaml"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

// imageRoot is the image, unpacked, with a place for the manifests.
func imageRoot(t *testing.T) string {
	t.Helper()
	root := unpack(t, openImage(t))
	if err := os.Mkdir(filepath.Join(root, "manifests"), 0o755); err != nil {
		t.Fatal(err)
	}
	return root
}

// answer asks until there is one with status 200, and returns its body.
func answer(t *testing.T, c *container.Container, url string) string {
	t.Helper()
	client := c.Client(t)
	for deadline := time.Now().Add(readyTime); ; time.Sleep(20 * time.Millisecond) {
		request, err := http.NewRequest("GET", url, nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Host = "web.test"
		response, err := client.Do(request)
		if err == nil {
			body, _ := io.ReadAll(response.Body)
			response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return string(body)
			}
		}
		if c.Exited() || time.Now().After(deadline) {
			t.Fatalf("%s: %v, %v", url, response, err)
		}
	}
}

func serveBackend(t *testing.T, c *container.Container) {
	t.Helper()
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "from the backend")
	})}
	go server.Serve(c.Listen(t, backend))
	t.Cleanup(func() { server.Close() })
}

func TestImageSaysItsVersion(t *testing.T) {
	c := container.Start(t, container.Spec{Root: imageRoot(t), Args: []string{"/usr/bin/yett", "version"}, UID: user})
	if status := c.Wait(t, readyTime); status != 0 {
		t.Errorf("exit status %d", status)
	}
	if !strings.HasPrefix(c.Log(), "yett "+productVersion(t)+"\n") {
		t.Errorf("it says %q", c.Log())
	}
}

// The image serves as a user without rights, with a read-only root, in each way that runtimes let such a user
// have the low ports, and where there is none, on high ones.
func TestImageServes(t *testing.T) {
	root := imageRoot(t)
	bind := []uintptr{unix.CAP_NET_BIND_SERVICE}
	tests := []struct {
		name  string
		spec  container.Spec
		class string
		args  []string
		port  int
	}{
		{name: "NET_BIND_SERVICE added, no new privileges", spec: container.Spec{Capabilities: bind}, port: 80},
		{name: "low ports are everyone's, no capability", spec: container.Spec{UnprivilegedPorts: true}, port: 80},
		{name: "NET_BIND_SERVICE from the file alone", port: 80,
			spec: container.Spec{Capabilities: bind, OnlyBounding: true, AllowPrivilegeRaises: true}},
		{name: "no low port at all", port: 8080, args: []string{"--http-port=8080", "--https-port=8443"}},
		{name: "any user", spec: container.Spec{Capabilities: bind, UID: 101}, port: 80},
		{name: "called as ingress-nginx is", class: "nginx", spec: container.Spec{Capabilities: bind}, port: 80,
			args: []string{"/nginx-ingress-controller", "--election-id=leader"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			spec := test.spec
			spec.Root = root
			if spec.UID == 0 {
				spec.UID = user
			}
			command := []string{"/usr/bin/yett"}
			if test.class == "" {
				test.class = "yett"
				command = append(command, "run")
			}
			spec.Args = append(append(command, test.args...), "--manifests=/manifests", "--workers=2")
			spec.Mounts = map[string]string{"/manifests": manifestsDir(t, test.class)}
			c := container.Start(t, spec)
			answer(t, c, "http://127.0.0.1:10254/readyz")
			serveBackend(t, c)
			if body := answer(t, c, "http://127.0.0.1:"+strconv.Itoa(test.port)+"/"); body != "from the backend" {
				t.Errorf("it answers %q", body)
			}
			for name, wanted := range map[string]string{
				"CapEff": noCapabilities, "CapPrm": noCapabilities, "CapInh": noCapabilities, "CapAmb": noCapabilities,
				"NoNewPrivs": "1", "Uid": strings.Join(strings.Fields(strings.Repeat(strconv.Itoa(spec.UID)+" ", 4)), "\t"),
			} {
				if got := c.Status(t, name); got != wanted {
					t.Errorf("%s is %q, not %q", name, got, wanted)
				}
			}
			c.Signal(t, syscall.SIGTERM)
			if status := c.Wait(t, readyTime); status != 0 {
				t.Errorf("exit status %d", status)
			}
		})
	}
}

// A low port that is not to be had is said so, and what would help.
func TestImageWithoutLowPorts(t *testing.T) {
	c := container.Start(t, container.Spec{Root: imageRoot(t), UID: user, Mounts: map[string]string{"/manifests": manifestsDir(t, "yett")},
		Args: []string{"/usr/bin/yett", "run", "--manifests=/manifests"}})
	if status := c.Wait(t, readyTime); status != 1 {
		t.Errorf("exit status %d", status)
	}
	for _, words := range []string{"listen_failed", "--http-port", "CAP_NET_BIND_SERVICE"} {
		if !strings.Contains(c.Log(), words) {
			t.Errorf("the log does not say %s:\n%s", words, c.Log())
		}
	}
}
