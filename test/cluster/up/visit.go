package up

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"

	"yett.dev/cluster/kube"
	"yett.dev/cluster/plane"
)

// visit is what a person meets in the cluster.
type visit struct {
	*settings
	cluster   *kube.Cluster
	listeners []net.Listener
	files     []string // that are left outside of the sandbox, until the end
}

func (v *visit) cleanup() {
	for _, file := range v.files {
		os.Remove(file)
	}
}

// furnish installs yett and the example, and says what to try.
func (v *visit) furnish(ctx context.Context) error {
	if err := v.giveTools(); err != nil {
		return err
	}
	go forward(v.listeners[0], plane.Address.String())
	if err := v.kubectl(ctx, "apply", "-k", v.install); err != nil {
		return err
	}
	if err := v.kubectl(ctx, "apply", "-f", v.example); err != nil {
		return err
	}
	if err := v.kubectl(ctx, "apply", "-f", v.broken); err != nil {
		return err
	}
	address, err := v.loadBalancer(ctx)
	if err != nil {
		return err
	}
	go forward(v.listeners[1], net.JoinHostPort(address, "80"))
	go forward(v.listeners[2], net.JoinHostPort(address, "443"))
	if err := v.kubectl(ctx, "wait", "--for=condition=Available", "--timeout=60s", "--all-namespaces", "--all", "deployments"); err != nil {
		return err
	}
	v.tell()
	return nil
}

// giveTools makes kubectl and a kubeconfig that people use from outside.
func (v *visit) giveTools() error {
	tools, err := filepath.Abs(v.tools)
	if err != nil {
		return err
	}
	v.tools = tools
	link := filepath.Join(tools, "kubectl")
	if err := os.Remove(link); err != nil && !os.IsNotExist(err) {
		return err
	}
	if err := os.Symlink(v.cluster.Options.Binary, link); err != nil {
		return err
	}
	config, err := clientcmd.LoadFromFile(v.cluster.AdminKubeconfig)
	if err != nil {
		return err
	}
	for _, cluster := range config.Clusters {
		cluster.Server = "https://" + v.listeners[0].Addr().String()
	}
	v.files = append(v.files, v.kubeconfig())
	return clientcmd.WriteToFile(*config, v.kubeconfig())
}

func (v *visit) kubeconfig() string { return filepath.Join(v.tools, "kubeconfig") }

// kubectl runs it inside; what it prints is shown when it fails.
func (v *visit) kubectl(ctx context.Context, arguments ...string) error {
	cmd := exec.CommandContext(ctx, v.cluster.Options.Binary,
		append([]string{"kubectl", "--kubeconfig", v.cluster.AdminKubeconfig}, arguments...)...)
	output, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("kubectl %s: %w\n%s", strings.Join(arguments, " "), err, output)
	}
	return nil
}

// loadBalancer waits for the address of the one Service of type LoadBalancer that the installation has.
func (v *visit) loadBalancer(ctx context.Context) (string, error) {
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		services, err := v.cluster.Client.CoreV1().Services("").List(ctx, metav1.ListOptions{})
		if err != nil {
			return "", err
		}
		for _, service := range services.Items {
			if service.Spec.Type == v1.ServiceTypeLoadBalancer && len(service.Status.LoadBalancer.Ingress) > 0 {
				return service.Status.LoadBalancer.Ingress[0].IP, nil
			}
		}
	}
	return "", fmt.Errorf("no Service of type LoadBalancer has an address")
}

func (v *visit) tell() {
	fmt.Printf(`
In another terminal:

  export KUBECONFIG=%[1]s PATH=%[2]s:$PATH

  kubectl get ingress,service,pod --all-namespaces
  curl -H 'Host: hello.example' http://%[3]s/
  curl -k --connect-to hello.example:443:%[4]s https://hello.example/
  kubectl scale deployment hello --replicas=5     # and ask again: nothing is lost
  kubectl describe ingress broken                 # what is wrong with it is among its Events
  kubectl --namespace yett logs deployment/yett-controller

Logs of the cluster itself are in memory and end with it. Ctrl-C ends it.
`, v.kubeconfig(), v.tools, v.listeners[1].Addr(), v.listeners[2].Addr())
}
