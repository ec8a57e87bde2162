package node

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"yett.dev/cluster/contain"
)

// afterStart runs the postStart hook; whether it succeeded decides whether the container is to live.
func (c *container) afterStart(ctx context.Context, process *contain.Process) bool {
	if c.spec.Lifecycle == nil || c.spec.Lifecycle.PostStart == nil {
		return true
	}
	if err := c.runHook(ctx, c.spec.Lifecycle.PostStart); err != nil {
		c.pod.event(v1.EventTypeWarning, "FailedPostStartHook", err.Error())
		c.mustRestart("Container " + c.spec.Name + " failed its postStart hook")
		return false
	}
	return true
}

// probe runs the probes of one life of the container, until ctx ends with the process. The startup probe comes
// first. While the Pod stops, only readiness goes on, as in the kubelet: EndpointSlices say by it whether a
// terminating endpoint still serves.
func (c *container) probe(ctx context.Context) {
	begun := time.Now()
	unlessStopping, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-c.pod.stopping.done:
			cancel()
		case <-unlessStopping.Done():
		}
	}()
	if !c.awaitStartup(unlessStopping, begun) {
		return
	}
	c.setStarted()
	var probes sync.WaitGroup
	defer probes.Wait()
	if c.spec.LivenessProbe != nil {
		probes.Go(func() { c.watchLife(unlessStopping, begun) })
	}
	if c.spec.ReadinessProbe == nil {
		c.setReady(true)
		return
	}
	c.follow(ctx, "Readiness", c.spec.ReadinessProbe, begun, func(healthy bool, _ string) bool {
		c.setReady(healthy)
		return true
	})
}

// awaitStartup tells whether the startup probe, if there is one, succeeded.
func (c *container) awaitStartup(ctx context.Context, begun time.Time) (ok bool) {
	if c.spec.StartupProbe == nil {
		return true
	}
	c.follow(ctx, "Startup", c.spec.StartupProbe, begun, func(healthy bool, reason string) bool {
		if ok = healthy; !healthy {
			c.mustRestart(reason)
		}
		return false
	})
	return ok
}

func (c *container) watchLife(ctx context.Context, begun time.Time) {
	c.follow(ctx, "Liveness", c.spec.LivenessProbe, begun, func(healthy bool, reason string) bool {
		if !healthy {
			c.mustRestart(reason)
		}
		return healthy
	})
}

// follow probes in the probe's period and calls changed when a threshold is reached, for as long as that returns
// true.
func (c *container) follow(ctx context.Context, kind string, probe *v1.Probe, begun time.Time, changed func(healthy bool, reason string) bool) {
	period := time.Duration(max(probe.PeriodSeconds, 1)) * time.Second
	next := begun.Add(time.Duration(probe.InitialDelaySeconds) * time.Second)
	successes, failures := int32(0), int32(0)
	for sleep(ctx, time.Until(next)) {
		next = time.Now().Add(period)
		err := c.probeOnce(ctx, probe)
		if ctx.Err() != nil {
			return
		}
		goOn := true
		if err == nil {
			failures = 0
			if successes++; successes == max(probe.SuccessThreshold, 1) {
				goOn = changed(true, "")
			}
		} else {
			successes = 0
			c.pod.event(v1.EventTypeWarning, "Unhealthy", kind+" probe failed: "+err.Error())
			if failures++; failures == max(probe.FailureThreshold, 1) {
				goOn = changed(false, fmt.Sprintf("Container %s failed %s probe", c.spec.Name, strings.ToLower(kind)))
			}
		}
		if !goOn {
			return
		}
	}
}

func (c *container) probeOnce(ctx context.Context, probe *v1.Probe) error {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(max(probe.TimeoutSeconds, 1))*time.Second)
	defer cancel()
	switch {
	case probe.HTTPGet != nil:
		return c.httpGet(ctx, probe.HTTPGet, "kube-probe/1.37")
	case probe.TCPSocket != nil:
		return c.tcpConnect(ctx, probe.TCPSocket)
	case probe.Exec != nil:
		return c.execute(ctx, probe.Exec.Command)
	case probe.GRPC != nil:
		return c.grpcHealth(ctx, probe.GRPC)
	}
	return errors.New("the probe has no handler that this node knows")
}

func (c *container) httpGet(ctx context.Context, action *v1.HTTPGetAction, userAgent string) error {
	address, err := c.address(action.Host, action.Port)
	if err != nil {
		return err
	}
	target, err := url.Parse(action.Path)
	if err != nil {
		return err
	}
	target.Scheme, target.Host = strings.ToLower(string(action.Scheme)), address
	if target.Scheme == "" {
		target.Scheme = "http"
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), nil)
	if err != nil {
		return err
	}
	request.Header.Set("User-Agent", userAgent)
	for _, header := range action.HTTPHeaders {
		if strings.EqualFold(header.Name, "Host") {
			request.Host = header.Value
		}
		request.Header.Add(header.Name, header.Value)
	}
	answer, err := probeClient.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	io.CopyN(io.Discard, answer.Body, 10<<10)
	if answer.StatusCode < 200 || answer.StatusCode >= 400 {
		return fmt.Errorf("HTTP probe failed with statuscode: %d", answer.StatusCode)
	}
	return nil
}

// Probes use a connection once, follow no redirect (which is success) and trust every certificate: so does the kubelet.
var probeClient = &http.Client{
	Transport: &http.Transport{
		DisableKeepAlives: true, DisableCompression: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
	},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

func (c *container) tcpConnect(ctx context.Context, action *v1.TCPSocketAction) error {
	address, err := c.address(action.Host, action.Port)
	if err != nil {
		return err
	}
	connection, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	return connection.Close()
}

// address resolves a port that may be a name.
func (c *container) address(host string, port intstr.IntOrString) (string, error) {
	if host == "" {
		host = c.pod.network.IP
	}
	number := port.IntValue()
	for _, p := range c.spec.Ports {
		if port.Type == intstr.String && p.Name == port.StrVal {
			number = int(p.ContainerPort)
		}
	}
	if number <= 0 {
		return "", fmt.Errorf("container %s has no port %q", c.spec.Name, port.String())
	}
	return net.JoinHostPort(host, strconv.Itoa(number)), nil
}
