package kube

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/netip"
	"testing"
	"time"

	"yett.dev/cluster/fabric"
)

// Member is someone on the fabric who is neither node nor control plane: a client, or a yett outside of the cluster.
type Member struct {
	*fabric.Namespace
	Address netip.Addr
}

// NewMember makes one with an address of its own; it goes with the test.
func (c *Cluster) NewMember(t testing.TB) *Member {
	t.Helper()
	c.mu.Lock()
	c.addresses = c.addresses%250 + 1
	address := fabric.ClientAddress(c.addresses)
	c.mu.Unlock()
	ns, err := c.Fabric.Attach("client"+address.String()[len("10.77.240."):], address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ns.Close() })
	return &Member{ns, address}
}

// Answer is a response with its body read.
type Answer struct {
	*http.Response
	Body string
}

// Get asks for http://host/path, or https://, at `address` from the member, over a connection of its own. Certificates
// are not checked, but are in the answer.
func (m *Member) Get(ctx context.Context, address, url string) (Answer, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return Answer{}, err
	}
	client := http.Client{
		Timeout: 10 * time.Second,
		Transport: &http.Transport{
			DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
				return m.DialContext(ctx, network, address)
			},
			TLSClientConfig:   &tls.Config{InsecureSkipVerify: true},
			DisableKeepAlives: true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	response, err := client.Do(request)
	if err != nil {
		return Answer{}, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return Answer{response, string(body)}, err
}
