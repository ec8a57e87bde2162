package plane

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"net/netip"
	"strings"
	"syscall"
	"time"

	"yett.dev/cluster/fabric"
)

// Address is where the API server listens.
var Address = netip.AddrPortFrom(fabric.ControlPlaneAddress, 6443)

// Network that Services get cluster addresses from. Nobody carries traffic to these: there is no kube-proxy.
const clusterAddresses = "10.96.0.0/16"

func (p *Plane) apiServerArguments() []string {
	arguments := []string{
		"--etcd-servers=" + storeAddress,
		"--etcd-compaction-interval=0", // only Compact does it
		"--bind-address=" + Address.Addr().String(),
		fmt.Sprintf("--secure-port=%d", Address.Port()),
		"--advertise-address=" + Address.Addr().String(),
		"--tls-cert-file=" + p.path("pki/apiserver.crt"),
		"--tls-private-key-file=" + p.path("pki/apiserver.key"),
		"--client-ca-file=" + p.path("pki/ca.crt"),
		"--kubelet-client-certificate=" + p.path("pki/kubelet-client.crt"),
		"--kubelet-client-key=" + p.path("pki/kubelet-client.key"),
		"--kubelet-preferred-address-types=InternalIP",
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-signing-key-file=" + p.verifyKeys[0],
		"--service-account-extend-token-expiration=false",
		"--authorization-mode=RBAC",
		"--service-cluster-ip-range=" + clusterAddresses,
		"--enable-aggregator-routing", // webhooks are reached by their endpoints
		"--audit-policy-file=" + p.path("audit/policy.yaml"),
		"--audit-log-path=" + p.path("log/audit.log"),
		"--profiling=false",
	}
	for _, file := range p.verifyKeys {
		arguments = append(arguments, "--service-account-key-file="+file)
	}
	return append(arguments, p.extra...)
}

// StartAPIServer starts it after KillAPIServer or StopAPIServer, and waits until it is ready.
func (p *Plane) StartAPIServer(ctx context.Context) error {
	p.mu.Lock()
	process, err := p.start("kube-apiserver", p.apiServerArguments()...)
	p.apiServer = process
	p.mu.Unlock()
	if err != nil {
		return err
	}
	return p.welcomeBack(ctx)
}

// welcomeBack waits until the API server is ready, and starts the controllers that takeAPIServer ended: every test
// needs what they make.
func (p *Plane) welcomeBack(ctx context.Context) error {
	if err := p.waitReady(ctx); err != nil {
		return err
	}
	return p.resumeControllers()
}

// KillAPIServer ends it as a crash would.
func (p *Plane) KillAPIServer() { p.takeAPIServer().Kill() }

// StopAPIServer ends it in its own way: it tells its clients to go.
func (p *Plane) StopAPIServer() { p.takeAPIServer().Stop(10 * time.Second) }

// takeAPIServer ends the controllers, too: those that find it away look for it every 45 seconds only, and those that
// have just been started give up for good.
func (p *Plane) takeAPIServer() *Process {
	p.pauseControllers()
	p.mu.Lock()
	defer p.mu.Unlock()
	process := p.apiServer
	p.apiServer = nil
	return process
}

// RestartAPIServer kills it and starts it again, from now on with these flags besides the usual ones.
func (p *Plane) RestartAPIServer(ctx context.Context, extra ...string) error {
	p.KillAPIServer()
	p.extra = extra
	return p.StartAPIServer(ctx)
}

// FreezeAPIServer stops it where it is, so that it keeps its connections and answers nothing; ThawAPIServer lets it
// go on.
func (p *Plane) FreezeAPIServer() error { return p.apiServer.Signal(syscall.SIGSTOP) }

// ThawAPIServer ends FreezeAPIServer.
func (p *Plane) ThawAPIServer() error { return p.apiServer.Signal(syscall.SIGCONT) }

func (p *Plane) waitReady(ctx context.Context) error {
	config, err := p.Config("admin", "system:masters")
	if err != nil {
		return err
	}
	for {
		answer, err := get(ctx, config, "/readyz")
		if err == nil && strings.TrimSpace(answer) == "ok" {
			return nil
		}
		if ended := p.Check(); ended != nil {
			return ended
		}
		select {
		case <-ctx.Done():
			return p.errorf("the API server is not ready: %q, %v\n%s", answer, err, p.apiServer.Tail(10))
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (p *Plane) writeServing(notAfter time.Time) error {
	wish := Wish{
		User:      "kube-apiserver",
		Hosts:     []string{"kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local", "localhost"},
		Addresses: []netip.Addr{Address.Addr(), netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("10.96.0.1")},
		NotAfter:  notAfter,
	}
	if !notAfter.IsZero() {
		wish.NotBefore = notAfter.Add(-24 * time.Hour)
	}
	return p.writeCertificate("apiserver", wish)
}

// ServeExpired restarts the API server with a certificate that ran out an hour ago. It cannot wait until the API
// server is ready, as nobody who checks can say so.
func (p *Plane) ServeExpired() error {
	if err := p.writeServing(time.Now().Add(-time.Hour)); err != nil {
		return err
	}
	p.KillAPIServer()
	p.mu.Lock()
	defer p.mu.Unlock()
	var err error
	p.apiServer, err = p.start("kube-apiserver", p.apiServerArguments()...)
	return err
}

// ServeRenewed ends ServeExpired as an administrator would: the file of the certificate is replaced under the running
// API server, which reads it again by itself; returns when it does.
func (p *Plane) ServeRenewed(ctx context.Context) error {
	if err := p.writeServing(time.Time{}); err != nil {
		return err
	}
	return p.welcomeBack(ctx)
}

// newServiceAccountKey makes a key that signs tokens from the next start of the API server on.
func (p *Plane) newServiceAccountKey() error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	encoded, err := encodeKey(key)
	if err != nil {
		return err
	}
	p.keysMade++ // a revoked key's file is none to write again
	name := fmt.Sprintf("pki/service-account-%d.key", p.keysMade)
	p.verifyKeys = append([]string{p.path(name)}, p.verifyKeys...)
	return p.write(name, encoded)
}

// RotateServiceAccountKey restarts the API server with a new key for tokens. Tokens of the old keys go on being
// accepted until RevokeOldTokens.
func (p *Plane) RotateServiceAccountKey(ctx context.Context) error {
	if err := p.newServiceAccountKey(); err != nil {
		return err
	}
	return p.RestartAPIServer(ctx, p.extra...)
}

// RevokeOldTokens restarts the API server so that it accepts tokens of the newest key only.
func (p *Plane) RevokeOldTokens(ctx context.Context) error {
	p.verifyKeys = p.verifyKeys[:1]
	return p.RestartAPIServer(ctx, p.extra...)
}
