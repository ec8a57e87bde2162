package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"

	"yett.dev/e2e/gate"
)

// parse reads the exposition as strictly as Prometheus does.
func parse(t *testing.T, text string) map[string]*dto.MetricFamily {
	t.Helper()
	var parser expfmt.TextParser
	families, err := parser.TextToMetricFamilies(strings.NewReader(text))
	if err != nil {
		t.Fatalf("/metrics: %v\n%s", err, text)
	}
	return families
}

// What was sent is what is counted: by Ingress, Service and class of status, also past a worker's death.
func TestRequestsAreCounted(t *testing.T) {
	web, other := gate.NewBackend(t, "web"), gate.NewBackend(t, "other")
	g := start(t, gate.Options{}, gate.Backends("web", web.Addr), gate.Backends("other", other.Addr),
		gate.Service("nobody", gate.ServicePort{Name: "http", Port: 80}),
		gate.Ingress{Name: "shop/web", Rules: []gate.Rule{{Host: "ignored.test", Paths: []gate.Path{{Path: "/", Service: "x"}}}}}.Object(),
		gate.Ingress{Name: "web", Rules: []gate.Rule{{Host: "web.test", Paths: []gate.Path{
			{Path: "/", Service: "web"}, {Path: "/other", Service: "other"}, {Path: "/none", Service: "nobody"}}}}}.Object())
	send := func(target string, n int) {
		for range n {
			g.Get(t, "web.test", target)
		}
	}
	count := func(labels ...string) float64 {
		return g.Metric(t, "nginx_ingress_controller_requests", append(labels, `ingress="web"`, `namespace="default"`)...)
	}
	check := func(what string, want float64, labels ...string) {
		t.Helper()
		// The line of a request is counted once its last byte is sent: the client may be a moment ahead.
		got := 0.0
		gate.WaitFor(t, time.Second, fmt.Sprintf("%s to be counted as %v", what, want), func() bool {
			got = count(labels...)
			if got > want {
				t.Fatalf("%s: counted %v of %v", what, got, want)
			}
			return got == want
		})
	}
	send("/", 17)
	send("/other/x", 5)
	send("/none", 3)
	check("web", 17, `service="web"`, `status="2xx"`)
	check("other", 5, `service="other"`, `status="2xx"`)
	check("nobody", 3, `service="nobody"`, `status="5xx"`)

	parse(t, g.Metrics(t))
	for index := range 2 {
		pid := g.KillWorker(t, index)
		g.WaitChild(t, fmt.Sprintf("yett: worker %d", index), pid)
	}
	send("/", 4)
	check("web after both workers died", 21, `service="web"`, `status="2xx"`)
	pid := g.KillController(t)
	g.WaitChild(t, "yett: controller", pid)
	send("/", 2)
	check("web after the controller died", 23, `service="web"`, `status="2xx"`)
	check("all", 31)
}

func TestExpositionParses(t *testing.T) {
	certificate := gate.NewCertificate(t, "odd.test")
	g := start(t, gate.Options{}, services(t, "web"), certificate.Secret("odd"),
		gate.Ingress{Name: "odd", TLS: []gate.TLS{{Hosts: []string{"odd.test"}, Secret: "odd"}},
			Rules: []gate.Rule{{Host: "odd.test", Paths: []gate.Path{{Path: `/a"b\c{d}`, Service: "web"}}}}}.Object(),
		gate.Route("web", "web.test", "/", "web"))
	for range 3 {
		g.Get(t, "web.test", "/")
		g.GetTLS(t, "odd.test", `/a%22b%5cc%7bd%7d`)
	}
	gate.WaitFor(t, time.Second, "the requests to be counted", func() bool {
		return g.Metric(t, "nginx_ingress_controller_requests") == 6
	})
	families := parse(t, g.Metrics(t))
	for name, kind := range map[string]dto.MetricType{
		"nginx_ingress_controller_requests":                        dto.MetricType_COUNTER,
		"nginx_ingress_controller_request_duration_seconds":        dto.MetricType_HISTOGRAM,
		"nginx_ingress_controller_nginx_process_connections":       dto.MetricType_GAUGE,
		"nginx_ingress_controller_config_last_reload_successful":   dto.MetricType_GAUGE,
		"nginx_ingress_controller_ssl_expire_time_seconds":         dto.MetricType_GAUGE,
		"nginx_ingress_controller_build_info":                      dto.MetricType_GAUGE,
		"yett_config_apply_duration_seconds":                       dto.MetricType_HISTOGRAM,
		"yett_worker_config_generation":                            dto.MetricType_GAUGE,
		"nginx_ingress_controller_nginx_process_connections_total": dto.MetricType_COUNTER,
	} {
		if family := families[name]; family == nil || family.GetType() != kind {
			t.Errorf("%s: %v", name, family.GetType())
		}
	}
	histogram := families["nginx_ingress_controller_request_duration_seconds"]
	observed := uint64(0)
	for _, metric := range histogram.GetMetric() {
		buckets := metric.GetHistogram().GetBucket()
		if last := buckets[len(buckets)-1].GetCumulativeCount(); last != metric.GetHistogram().GetSampleCount() {
			t.Errorf("+Inf holds %d of %d", last, metric.GetHistogram().GetSampleCount())
		}
		observed += metric.GetHistogram().GetSampleCount()
	}
	if observed != 6 {
		t.Errorf("the histogram has %d observations of 6", observed)
	}
	expiry := families["nginx_ingress_controller_ssl_expire_time_seconds"].GetMetric()[0].GetGauge().GetValue()
	if int64(expiry) != certificate.Leaf.NotAfter.Unix() {
		t.Errorf("the certificate runs out at %v, the metric says %v", certificate.Leaf.NotAfter.Unix(), int64(expiry))
	}
}

// An image that cannot be made is not one that was applied.
func TestConfigMetrics(t *testing.T) {
	g := start(t, gate.Options{}, services(t, "web"), gate.Route("web", "web.test", "/", "web"))
	metric := func(name string) float64 { return g.Metric(t, name) }
	if metric("nginx_ingress_controller_config_last_reload_successful") != 1 {
		t.Error("the first configuration is not marked as successful")
	}
	generation, hash := metric("yett_config_generation"), metric("nginx_ingress_controller_config_hash")
	g.Change(t, func() { g.Dir.Write("more.yaml", gate.Route("more", "more.test", "/", "web")) })
	if metric("yett_config_generation") <= generation || metric("nginx_ingress_controller_config_hash") == hash {
		t.Error("an edit changes neither generation nor hash")
	}
	g.Dir.WriteText("bad.yaml", "kind: [")
	gate.WaitFor(t, 5*time.Second, "the finding to be counted", func() bool {
		return g.Metric(t, "yett_diagnostics", `severity="error"`) == 1
	})
	if metric("nginx_ingress_controller_config_last_reload_successful") != 1 {
		t.Error("a broken file takes the success from all the others")
	}
}

// Connections are counted where they are: waiting, reading, writing.
func TestConnectionMetrics(t *testing.T) {
	release := make(chan struct{})
	slow := gate.NewRawBackend(t, func(conn *gate.RawConn) {
		if _, err := conn.Request(); err != nil {
			return
		}
		<-release
		conn.Write([]byte("HTTP/1.1 204 No Content\r\n\r\n"))
		conn.Request() // until the gate lets go
	})
	g := start(t, gate.Options{}, services(t, "web"), gate.Route("web", "web.test", "/", "web"),
		gate.Backends("slow", slow.Addr), gate.Route("slow", "slow.test", "/", "slow"))
	var conns []*gate.RawConn
	for i := range 9 {
		conn := g.Dial(t)
		conns = append(conns, conn)
		switch i % 3 {
		case 0:
			conn.SendRequest(t, "GET", "/", "web.test")
			conn.Answer(t, "GET")
		case 1:
			conn.Send(t, "GET / HTTP/1.1\r\nHo")
		case 2:
			conn.SendRequest(t, "GET", "/", "slow.test")
		}
	}
	const name = "nginx_ingress_controller_nginx_process_connections"
	expectStates := func(waiting, reading, writing float64) {
		t.Helper()
		gate.WaitFor(t, 5*time.Second, "connections to be counted", func() bool {
			text := g.Metrics(t)
			// The request for /metrics itself is being written; its connection is one.
			return gate.SumMetric(text, name, `state="waiting"`) == waiting &&
				gate.SumMetric(text, name, `state="reading"`) == reading &&
				gate.SumMetric(text, name, `state="writing"`) == writing+1 &&
				gate.SumMetric(text, name, `state="active"`) == waiting+reading+writing+1
		})
	}
	expectStates(3, 3, 3)
	close(release)
	expectStates(6, 3, 0)
	for _, conn := range conns {
		conn.Close()
	}
	expectStates(0, 0, 0)
}
