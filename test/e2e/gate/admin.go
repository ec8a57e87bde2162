package gate

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Status is what /api/v1/status says.
type Status struct {
	Version    string
	Generation uint64
	LastOK     bool `json:"last_ok"`
	Successes  uint64
	Failures   uint64
	Objects    map[string]int
	Workers    []WorkerStatus
}

// WorkerStatus is one worker's part of Status.
type WorkerStatus struct {
	Worker      int
	Pid         int
	Starts      int
	Generation  uint64
	Connections int
	Requests    uint64
}

// Diagnostics is what /api/v1/diagnostics says.
type Diagnostics struct {
	Errors, Warnings, Dropped int
	Diagnostics               []Diagnostic
}

// Diagnostic is one finding.
type Diagnostic struct {
	Severity, Code, File, Kind, Namespace, Name, Field, Message, Mend string
	Line, Column                                                      int
}

// AdminGet fetches a page of the admin endpoint.
func (g *Gate) AdminGet(path string) (int, []byte, error) {
	response, err := g.client.Get("http://" + g.Admin + path)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return response.StatusCode, body, err
}

func (g *Gate) adminJSON(path string, into any) error {
	status, body, err := g.AdminGet(path)
	if err != nil {
		return err
	}
	if status != http.StatusOK {
		return fmt.Errorf("%s: status %d", path, status)
	}
	return json.Unmarshal(body, into)
}

// Status fetches /api/v1/status.
func (g *Gate) Status() (Status, error) {
	var status Status
	err := g.adminJSON("/api/v1/status", &status)
	return status, err
}

// Diagnostics fetches /api/v1/diagnostics.
func (g *Gate) Diagnostics(t testing.TB) Diagnostics {
	t.Helper()
	var diagnostics Diagnostics
	if err := g.adminJSON("/api/v1/diagnostics", &diagnostics); err != nil {
		t.Fatalf("diagnostics: %v", err)
	}
	return diagnostics
}

// Metrics fetches /metrics as text.
func (g *Gate) Metrics(t testing.TB) string {
	t.Helper()
	status, body, err := g.AdminGet("/metrics")
	if err != nil || status != http.StatusOK {
		t.Fatalf("/metrics: status %d, %v", status, err)
	}
	return string(body)
}

// Metric sums the samples of `name` whose labels hold all of `labels` (each as `key="value"`).
func (g *Gate) Metric(t testing.TB, name string, labels ...string) float64 {
	t.Helper()
	return SumMetric(g.Metrics(t), name, labels...)
}

// SumMetric is Metric on a text that was fetched before.
func SumMetric(exposition, name string, labels ...string) float64 {
	sum := 0.0
samples:
	for line := range strings.Lines(exposition) {
		if !strings.HasPrefix(line, name+"{") && !strings.HasPrefix(line, name+" ") {
			continue
		}
		for _, label := range labels {
			if !strings.Contains(line, label) {
				continue samples
			}
		}
		fields := strings.Fields(line)
		value, _ := strconv.ParseFloat(fields[len(fields)-1], 64)
		sum += value
	}
	return sum
}

// WaitGeneration waits until all workers serve generation `least` or a later one, and the controller knows.
func (g *Gate) WaitGeneration(t testing.TB, least uint64) {
	t.Helper()
	WaitFor(t, 10*time.Second, fmt.Sprintf("generation %d in every worker", least), func() bool {
		status, err := g.Status()
		if err != nil || status.Generation < least {
			return false
		}
		for _, worker := range status.Workers {
			if worker.Generation < least {
				return false
			}
		}
		return true
	})
}

// Generation is the one that every worker serves.
func (g *Gate) Generation(t testing.TB) uint64 {
	t.Helper()
	status, err := g.Status()
	if err != nil {
		t.Fatalf("status: %v", err)
	}
	return status.Generation
}

// Change runs `edit` (which must change what is served) and waits until every worker serves the outcome.
func (g *Gate) Change(t testing.TB, edit func()) {
	t.Helper()
	before := g.Generation(t)
	edit()
	g.WaitGeneration(t, before+1)
}
