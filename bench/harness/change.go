package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const (
	crowd   = 10000 // Ingresses, a file and a host each
	changes = 20

	// A connection carries 1,000 requests.
	askEvery = time.Millisecond / 2
	asksMax  = 990
)

const crowdManifest = `apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: crowd-%[1]d}
spec:
  ingressClassName: yett
  rules:
    - host: crowd-%[1]d.example
      http: {paths: [{path: %[2]s, pathType: Exact, backend: {service: {name: bench, port: {number: 80}}}}]}
`

func (r *rig) writeCrowd() (string, error) {
	dir, err := r.writeManifests(gateOptions{})
	for i := 0; i < crowd && err == nil; i++ {
		err = os.WriteFile(filepath.Join(dir, fmt.Sprintf("crowd-%d.yaml", i)),
			fmt.Appendf(nil, crowdManifest, i, "/"), 0o644)
	}
	return dir, err
}

// changed is one edit and what came of it.
type changed struct {
	latencyMS, controllerMS, workerMS float64
}

// change gives one Ingress of the crowd another path, by a rename, and asks for that path until it is
// there. Before that, the host is known and the path is not: 404.
func change(g *gate, roles map[string][]int, dir string, number int) (changed, error) {
	which := number * (crowd / changes)
	host := fmt.Sprintf("crowd-%d.example", which)
	path := fmt.Sprintf("/version/%d", number)
	file := filepath.Join(dir, fmt.Sprintf("crowd-%d.yaml", which))
	if err := os.WriteFile(file+".new", fmt.Appendf(nil, crowdManifest, which, path), 0o644); err != nil {
		return changed{}, err
	}
	// A new connection for each change: a gate ends one after so many requests.
	conn, err := net.Dial("tcp", g.address())
	if err != nil {
		return changed{}, err
	}
	defer conn.Close()
	if status := statusOf(conn, host, path); status != 404 {
		return changed{}, fmt.Errorf("status %d before the change", status)
	}
	controller, worker := cpuNS(roles["controller"]), cpuNS(roles["worker"])
	began := time.Now()
	if err := os.Rename(file+".new", file); err != nil {
		return changed{}, err
	}
	for asked := 0; ; asked++ {
		status := statusOf(conn, host, path)
		if status == 200 {
			break
		}
		if status != 404 || asked == asksMax {
			return changed{}, fmt.Errorf("status %d, %v after the change", status, time.Since(began))
		}
		time.Sleep(askEvery)
	}
	latency := time.Since(began)
	time.Sleep(100 * time.Millisecond) // what is done after the answer counts as well
	return changed{float64(latency.Microseconds()) / 1e3,
		float64(cpuNS(roles["controller"])-controller) / 1e6,
		float64(cpuNS(roles["worker"])-worker) / 1e6}, nil
}

// rolesOf sorts the processes by what their titles say.
func rolesOf(g *gate) map[string][]int {
	roles := make(map[string][]int)
	for _, pid := range g.pids {
		for _, role := range []string{"controller", "worker"} {
			if strings.Contains(title(pid), role) {
				roles[role] = append(roles[role], pid)
			}
		}
	}
	return roles
}

func benchChange(r *rig) error {
	dir, err := r.writeCrowd()
	if err != nil {
		return err
	}
	began := time.Now()
	g, err := startYett(r, gateOptions{manifests: dir})
	if err != nil {
		return err
	}
	defer kill(g.cmd)
	ready := time.Since(began)

	roles := rolesOf(g)
	var latency, controller, worker series
	for number := range changes {
		one, err := change(g, roles, dir, number)
		if err != nil {
			return err
		}
		latency = append(latency, one.latencyMS)
		controller = append(controller, one.controllerMS)
		worker = append(worker, one.workerMS)
	}
	fmt.Printf("%d changes of one file among %d; median (min .. max)\n", changes, crowd)
	printTable([][]string{
		{"rename to first answer", latency.text("%.1f") + " ms"},
		{"CPU of the controller", controller.text("%.1f") + " ms"},
		{"CPU of the worker, polls included", worker.text("%.1f") + " ms"},
		{"start to first answer", fmt.Sprintf("%.0f ms", ready.Seconds()*1e3)},
		{"resident: controller", fmt.Sprintf("%d KB", memoryKB(roles["controller"], "Rss"))},
		{"resident: worker", fmt.Sprintf("%d KB", memoryKB(roles["worker"], "Rss"))},
	})
	return nil
}
