package cluster

import (
	"strings"
	"testing"

	v1 "k8s.io/api/core/v1"

	"yett.dev/cluster/kube"
)

// What a securityContext asks for is what the process has, by the kernel's own account.
func TestSecurityContext(t *testing.T) {
	t.Parallel()
	c := kube.Shared(t)
	namespace := c.Namespace(t)
	const words = "cat /proc/self/status; touch /new && echo writable; stat -c 'volume %u:%g %a' /volume; " +
		"touch /volume/new && stat -c 'file %u:%g' /volume/new; unshare --net true && echo unshared"
	cases := []struct {
		name, spec, container string
		want, refused         []string
	}{
		{
			"nothing", "", "",
			[]string{"Uid: 0 0 0 0", "CapEff: 00000000a80425fb", "CapBnd: 00000000a80425fb", "CapAmb: 0000000000000000",
				"NoNewPrivs: 0", "Seccomp: 0", "writable"},
			[]string{"unshared"},
		},
		{
			// As deploy/ asks for.
			"restricted", `
securityContext: {fsGroup: 2000, runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}, supplementalGroups: [3000]}
`, `
securityContext:
  runAsUser: 65532
  runAsGroup: 65531
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL], add: [NET_BIND_SERVICE]}
`,
			[]string{"Uid: 65532 65532 65532 65532", "Gid: 65531 65531 65531 65531", "Groups: 2000 3000 65531",
				"CapPrm: 0000000000000000", "CapEff: 0000000000000000", "CapBnd: 0000000000000400",
				"CapAmb: 0000000000000000", "NoNewPrivs: 1", "Seccomp: 2", "volume 0:2000 2777", "file 65532:2000"},
			[]string{"writable", "unshared"},
		},
		{
			"admin", "", "securityContext: {capabilities: {add: [SYS_ADMIN]}}",
			[]string{"CapEff: 00000000a82425fb", "unshared"}, nil,
		},
		{
			"filtered-admin", "", "securityContext: {capabilities: {add: [SYS_ADMIN]}, seccompProfile: {type: RuntimeDefault}}",
			[]string{"CapEff: 00000000a82425fb"}, []string{"unshared"},
		},
	}
	for _, check := range cases {
		c.Apply(t, namespace, script(check.name, words,
			indented(2, check.spec+"\nvolumes: [{name: volume, emptyDir: {}}]"),
			indented(4, check.container+"\nvolumeMounts: [{name: volume, mountPath: /volume}]")))
	}
	for _, check := range cases {
		waitPod(t, c, namespace, check.name, "is over", isOver)
		got := strings.NewReplacer("\t", " ", ":\t", ": ").Replace(logs(t, c, namespace, check.name, v1.PodLogOptions{}))
		for _, want := range check.want {
			if !hasLine(got, want) {
				t.Errorf("%s: there is no %q in\n%s", check.name, want, got)
			}
		}
		for _, refused := range check.refused {
			if hasLine(got, refused) {
				t.Errorf("%s: %q must be refused", check.name, refused)
			}
		}
	}
}

// hasLine compares words, not the space between them.
func hasLine(text, want string) bool {
	for line := range strings.Lines(text) {
		if strings.Join(strings.Fields(line), " ") == want {
			return true
		}
	}
	return false
}

func TestRootIsRefused(t *testing.T) {
	t.Parallel()
	c := kube.Shared(t)
	namespace := c.Namespace(t)
	for name, check := range map[string]struct{ security, want string }{
		"image":  {"{runAsNonRoot: true}", "container has runAsNonRoot and image will run as root"},
		"pod":    {"{runAsNonRoot: true, runAsUser: 0}", "container's runAsUser breaks non-root policy"},
		"filter": {"{seccompProfile: {type: Localhost, localhostProfile: mine.json}}", "seccompProfile Localhost"},
	} {
		c.Apply(t, namespace, script(name, "true", "  securityContext: "+check.security, ""))
		p := waitPod(t, c, namespace, name, "is refused", func(p *v1.Pod) bool {
			return waitingState(p).Reason == "CreateContainerConfigError"
		})
		if got := waitingState(p).Message; !strings.Contains(got, check.want) {
			t.Errorf("%s: %q; want %q", name, got, check.want)
		}
	}
}

// Every user may bind every port of a Pod, but not of a node.
func TestLowPorts(t *testing.T) {
	t.Parallel()
	c := kube.Shared(t)
	namespace := c.Namespace(t)
	const container = "    securityContext: {runAsUser: 65532, capabilities: {drop: [ALL]}, allowPrivilegeEscalation: false}"
	const words = "cat /proc/sys/net/ipv4/ip_unprivileged_port_start; exec programs web --listen=:80"
	inPod := strings.NewReplacer("image: machine", "image: programs")
	c.Apply(t, namespace, inPod.Replace(script("own", words, "", container+"\n    readinessProbe: {tcpSocket: {port: 80}, periodSeconds: 1}")))
	c.Apply(t, namespace, inPod.Replace(script("host", words, "  hostNetwork: true", container)))
	waitPod(t, c, namespace, "own", "is ready", isReady)
	host := waitPod(t, c, namespace, "host", "is over", isOver)
	if got := logs(t, c, namespace, "host", v1.PodLogOptions{}); host.Status.Phase != v1.PodFailed || !strings.Contains(got, "permission denied") {
		t.Errorf("%s, %q", host.Status.Phase, got)
	}
	if host.Status.PodIP != host.Status.HostIP {
		t.Errorf("hostNetwork: address %s on the node %s", host.Status.PodIP, host.Status.HostIP)
	}
}
