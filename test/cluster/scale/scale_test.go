// Package scale measures yett in a cluster of many Ingresses: a benchmark, and no test, as what it finds is the
// machine's too. What must hold on any machine (no request fails, every change comes through) it insists on.
//
//	make bench-cluster
package scale

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"yett.dev/cluster/kube"
)

func TestMain(m *testing.M) { kube.Main(m) }

const (
	workers = 4
	changes = 100 // of each kind, quiet and busy
	pace    = 100 // objects a second that change besides
)

// number is a size, which a variable may change.
func number(variable string, usual int) int {
	if n, err := strconv.Atoi(os.Getenv(variable)); err == nil {
		return n
	}
	return usual
}

func BenchmarkScale(b *testing.B) {
	b.StopTimer()
	crowd := newCrowd(b, number("YETT_SCALE", 10000), number("YETT_SCALE_TLS", 1000))
	fmt.Printf("\n%d Ingresses of two paths, each with a host, a Service and an EndpointSlice of two addresses; %d with TLS\n",
		crowd.len, crowd.tls)

	g := crowd.start(b, "Secrets by one watch", "--watch-secrets", "cluster")
	g.Stop(30 * time.Second)
	g = crowd.start(b, "Secrets by name")
	measureMemory(g)
	measureIdle(g)

	load := g.Member.StartLoad(b, kube.LoadOptions{Address: g.HTTP, Host: crowd.host(crowd.len - 1), Target: "/app"})
	measureChanges(b, crowd, g, "quiet")
	stop := crowd.churn(b)
	measureChanges(b, crowd, g, fmt.Sprintf("while %d objects a second change", pace))
	changed := stop()
	result := load.Stop()
	fmt.Printf("  %-44s %d objects changed; %v\n", "meanwhile", changed, result)
	if result.Failed() > 0 {
		b.Errorf("requests failed: %v", result)
	}
	measureMemory(g)
}

// start starts a gate, and tells how long it took to serve everything.
func (c *crowd) start(b *testing.B, how string, flags ...string) *kube.Gate {
	b.Helper()
	began := time.Now()
	g := c.StartGate(b, c.AdminKubeconfig, append(flags, "--workers", strconv.Itoa(workers), "--access-log", "off")...)
	for _, i := range []int{0, c.tls, c.len / 2, c.len - 1} {
		kube.Wait(b, time.Minute, "host "+c.host(i), func() error {
			answer, err := g.Member.Get(b.Context(), g.HTTP, "http://"+c.host(i)+"/app")
			if err == nil && answer.StatusCode != http.StatusOK && answer.StatusCode != http.StatusPermanentRedirect {
				err = fmt.Errorf("status %d", answer.StatusCode)
			}
			return err
		})
	}
	controller := rolesOf(g.Pid())["controller"][0]
	fmt.Printf("  %-44s %.2f s; %.2f s of CPU in the controller\n", "process start to serving all, "+how,
		time.Since(began).Seconds(), float64(cpuNS(controller))/1e9)
	return g
}

func measureMemory(g *kube.Gate) {
	roles := rolesOf(g.Pid())
	fmt.Printf("  %-44s %.1f MB\n", "controller, resident", float64(memoryKB(roles["controller"][0], "Rss"))/1024)
	for _, pid := range roles["worker"] {
		own := memoryKB(pid, "Private_Clean") + memoryKB(pid, "Private_Dirty")
		fmt.Printf("  %-44s %.1f MB\n", "a worker, its own", float64(own)/1024)
	}
}

// measureIdle gives what follows a start its time first.
func measureIdle(g *kube.Gate) {
	const settled, watched = 10 * time.Second, 20 * time.Second
	controller := rolesOf(g.Pid())["controller"][0]
	time.Sleep(settled)
	before := cpuNS(controller)
	time.Sleep(watched)
	fmt.Printf("  %-44s %.2f %% of a core\n", "controller's CPU while nothing changes",
		float64(cpuNS(controller)-before)/float64(watched.Nanoseconds())*100)
}

// measureChanges changes one object after another, and asks each worker until it follows.
func measureChanges(b *testing.B, c *crowd, g *kube.Gate, when string) {
	b.Helper()
	kinds := []struct {
		what   string
		change func(ctx context.Context, i, n int) (target string, status int, err error)
	}{
		{"an Ingress", c.changeIngress},
		{"an EndpointSlice", c.changeSlice},
	}
	for at, kind := range kinds {
		eyes := newEyes(b, g)
		var each, last []time.Duration
		controller := rolesOf(g.Pid())["controller"][0]
		before := cpuNS(controller)
		for n := range changes {
			i := c.tls + at*c.quiet() + rand.IntN(c.quiet())
			eyes.refresh(b)
			target, status, err := kind.change(b.Context(), i, n)
			accepted := time.Now() // or a little earlier: this is when the API server's answer is there
			if err != nil {
				b.Fatal(err)
			}
			took := eyes.wait(b, accepted, c.host(i), target, status)
			each = append(each, took...)
			last = append(last, slices.Max(took))
		}
		eyes.close()
		fmt.Printf("  %-44s %s; the last of %d workers %s; %.1f ms of CPU in the controller\n", kind.what+", "+when,
			summary(each), workers, summary(last), float64(cpuNS(controller)-before)/1e6/changes)
	}
}

func summary(all []time.Duration) string {
	slices.Sort(all)
	at := func(share float64) float64 {
		return float64(all[int(share*float64(len(all)-1))].Microseconds()) / 1000
	}
	return fmt.Sprintf("median %.1f ms, p99 %.1f ms", at(0.5), at(0.99))
}

// changeIngress gives the second path another name.
func (c *crowd) changeIngress(ctx context.Context, i, n int) (string, int, error) {
	path := fmt.Sprintf("/v%d-%d", n, rand.Uint32())
	ingress := c.ingress(i)
	ingress.Spec.Rules[0].HTTP.Paths[1].Path = path
	_, err := c.Client.NetworkingV1().Ingresses(c.namespace).Update(ctx, ingress, metav1.UpdateOptions{})
	return path, http.StatusOK, err
}

// changeSlice takes all endpoints away, or gives them back.
func (c *crowd) changeSlice(ctx context.Context, i, n int) (string, int, error) {
	slice := c.slice(i)
	status := http.StatusOK
	if c.gone[i] = !c.gone[i]; c.gone[i] {
		slice.Endpoints = nil
		status = http.StatusServiceUnavailable
	}
	_, err := c.Client.DiscoveryV1().EndpointSlices(c.namespace).Update(ctx, slice, metav1.UpdateOptions{})
	return "/app", status, err
}

// churn changes objects at the pace, but none that is measured, until it is stopped; then it says how many.
func (c *crowd) churn(b *testing.B) (stop func() int64) {
	ctx, cancel := context.WithCancel(b.Context())
	var changed atomic.Int64
	var done sync.WaitGroup
	ticks := time.NewTicker(time.Second / pace)
	for range 8 {
		done.Go(func() {
			for {
				select {
				case <-ctx.Done():
					return
				case <-ticks.C:
				}
				i := c.tls + 2*c.quiet() + rand.IntN(c.len-c.tls-2*c.quiet()-1)
				if err := c.touch(ctx, i); err != nil && ctx.Err() == nil {
					b.Error(err)
					return
				}
				changed.Add(1)
			}
		})
	}
	return func() int64 {
		cancel()
		done.Wait()
		ticks.Stop()
		return changed.Load()
	}
}

// touch changes an EndpointSlice as a rolled Deployment does, or now and then an Ingress.
func (c *crowd) touch(ctx context.Context, i int) error {
	if rand.IntN(5) == 0 {
		ingress := c.ingress(i)
		ingress.Spec.Rules[0].HTTP.Paths[1].Path = fmt.Sprintf("/v%d", rand.Uint32())
		_, err := c.Client.NetworkingV1().Ingresses(c.namespace).Update(ctx, ingress, metav1.UpdateOptions{})
		return err
	}
	slice := c.slice(i)
	slice.Endpoints = slice.Endpoints[:1+rand.IntN(2)]
	slice.Annotations = map[string]string{"yett.dev/touched": strconv.Itoa(int(rand.Uint32()))}
	_, err := c.Client.DiscoveryV1().EndpointSlices(c.namespace).Update(ctx, slice, metav1.UpdateOptions{})
	return err
}

// ---- processes ----

// rolesOf sorts the processes of a gate by what their titles say.
func rolesOf(supervisor int) map[string][]int {
	roles := map[string][]int{}
	lists, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", supervisor))
	for _, text := range strings.Fields(string(lists)) {
		line, _ := os.ReadFile("/proc/" + text + "/cmdline")
		title := strings.Fields(strings.TrimPrefix(strings.Split(string(line), "\x00")[0], "yett: "))
		if pid, err := strconv.Atoi(text); err == nil && len(title) > 0 {
			roles[title[0]] = append(roles[title[0]], pid)
		}
	}
	return roles
}

func memoryKB(pid int, field string) (kb int) {
	rollup, _ := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	for line := range strings.Lines(string(rollup)) {
		if rest, ok := strings.CutPrefix(line, field+":"); ok {
			fmt.Sscan(rest, &kb)
		}
	}
	return kb
}

func cpuNS(pid int) (ns int64) {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/schedstat", pid))
	fmt.Sscan(string(text), &ns)
	return ns
}
