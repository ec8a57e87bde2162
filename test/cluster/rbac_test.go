package cluster

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"os/exec"
	"strings"
	"testing"
	"time"

	authorization "k8s.io/api/authorization/v1"
	v1 "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"yett.dev/cluster/kube"
)

// rbac is what `yett rbac` prints.
func rbac(t *testing.T, c *kube.Cluster, arguments ...string) string {
	t.Helper()
	var stderr strings.Builder
	cmd := exec.Command(c.Options.Gate, append([]string{"rbac"}, arguments...)...)
	cmd.Stderr = &stderr
	output, err := cmd.Output()
	if err != nil {
		t.Fatalf("yett rbac %v: %v\n%s", arguments, err, stderr.String())
	}
	return string(output)
}

// tlsSecret makes a Secret with a certificate of its own for `host`.
func tlsSecret(t *testing.T, c *kube.Cluster, namespace, name, host string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: host}, DNSNames: []string{host},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Client.CoreV1().Secrets(namespace).Create(t.Context(), &v1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: name}, Type: v1.SecretTypeTLS,
		Data: map[string][]byte{
			"tls.crt": pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
			"tls.key": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}),
		}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
}

// shown is the name in the certificate that the gate shows for a host.
func shown(ctx context.Context, g *kube.Gate, host string) (string, error) {
	conn, err := g.Member.DialContext(ctx, "tcp", g.HTTPS)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	client := tls.Client(conn, &tls.Config{ServerName: host, InsecureSkipVerify: true})
	if err := client.HandshakeContext(ctx); err != nil {
		return "", err
	}
	return client.ConnectionState().PeerCertificates[0].Subject.CommonName, nil
}

// A gate with exactly the rights that `yett rbac` prints: nothing that it asks for is refused, and it never asks for
// a Secret but by its name.
func TestRightsAsPrinted(t *testing.T) {
	c := kube.Shared(t)
	namespace := c.Namespace(t)
	class := namespace
	c.Apply(t, "", classObject(class))
	t.Cleanup(func() { c.DeleteYAML(context.Background(), "", []byte(classObject(class))) })
	c.Apply(t, namespace, "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {ports: [{port: 80}]}\n")
	for _, name := range []string{"one", "two"} {
		tlsSecret(t, c, namespace, name+"-tls", name+".test")
	}
	tlsSecret(t, c, namespace, "not-ours", "elsewhere.test")
	for _, name := range []string{"one", "two"} {
		ingress := ingressOf(class, name, name+".test", "web")
		ingress.Spec.TLS = []networking.IngressTLS{{Hosts: []string{name + ".test"}, SecretName: name + "-tls"}}
		if _, err := c.Client.NetworkingV1().Ingresses(namespace).Create(t.Context(), ingress, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	kubeconfig, err := c.TokenKubeconfig("rbac-"+namespace, namespace, c.Token(t, namespace, "gate"))
	if err != nil {
		t.Fatal(err)
	}
	account := []string{"--service-account", namespace + "/gate"}
	classes := []string{"--controller-class", "yett.dev/" + class, "--ingress-class", class}
	flags := append(classes, "--election-id", "leader", "--publish-status-address", "192.0.2.7")
	base := rbac(t, c, append(append([]string{"--base", "--name", namespace}, account...), flags...)...)
	c.Apply(t, "", base)
	t.Cleanup(func() { c.DeleteYAML(context.Background(), "", []byte(base)) })

	t.Setenv("POD_NAMESPACE", namespace)
	g := c.StartGate(t, kubeconfig, flags...)
	g.WaitReady(t)
	g.WaitAnswer(t, "http://one.test/", 308)
	if name, err := shown(t.Context(), g, "one.test"); err != nil || name == "one.test" {
		t.Errorf("without a right to its Secret, one.test is shown %q, %v", name, err)
	}

	secrets := rbac(t, c, append(append([]string{"--kubeconfig", c.AdminKubeconfig}, account...), classes...)...)
	if strings.Contains(secrets, "not-ours") || strings.Count(secrets, "\n- apiGroups") != 1 {
		t.Errorf("for the Secrets, it prints\n%s", secrets)
	}
	c.Apply(t, "", secrets)
	for _, host := range []string{"one.test", "two.test"} {
		kube.Wait(t, 60*time.Second, "the certificate of "+host, func() error {
			name, err := shown(t.Context(), g, host)
			if err == nil && name != host {
				err = fmt.Errorf("%q is shown", name)
			}
			return err
		})
	}
	if answer, err := g.Member.Get(t.Context(), g.Admin, "http://"+g.Admin+"/api/v1/secrets"); err != nil || !strings.Contains(answer.Body, "one-tls") {
		t.Errorf("the gate itself says %q, %v", answer.Body, err)
	}

	user := kube.ServiceAccountUser(namespace, "gate")
	review, err := c.Client.AuthorizationV1().SubjectAccessReviews().Create(t.Context(), &authorization.SubjectAccessReview{
		Spec: authorization.SubjectAccessReviewSpec{User: user,
			ResourceAttributes: &authorization.ResourceAttributes{Namespace: namespace, Verb: "list", Resource: "secrets"}},
	}, metav1.CreateOptions{})
	if err != nil || review.Status.Allowed {
		t.Errorf("it may list Secrets: %v, %v", review.Status, err)
	}
	events, err := c.Audit(user)
	if err != nil {
		t.Fatal(err)
	}
	named := map[string]bool{}
	for _, event := range events {
		if event.ObjectRef == nil || event.ResponseStatus == nil {
			continue
		}
		isSecret := event.ObjectRef.Resource == "secrets"
		if isSecret && event.ObjectRef.Name == "" {
			t.Errorf("it asks for Secrets without a name: %s", event.RequestURI)
		}
		if isSecret && event.ResponseStatus.Code == 200 {
			named[event.ObjectRef.Name] = true
		}
		if !isSecret && event.ResponseStatus.Code == 403 {
			t.Errorf("it is refused %s %s", event.Verb, event.RequestURI)
		}
	}
	if len(named) != 2 || !named["one-tls"] || !named["two-tls"] {
		t.Errorf("it has read the Secrets %v", named)
	}
}
