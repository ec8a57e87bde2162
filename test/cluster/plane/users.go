package plane

import (
	"context"
	"net/url"
	"strings"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"
)

// Config lets the test itself call the API server as `user`, by a client certificate. There is no limit on its rate.
func (p *Plane) Config(user string, groups ...string) (*rest.Config, error) {
	certificate, key, err := p.Authority.Issue(Wish{User: user, Groups: groups})
	if err != nil {
		return nil, err
	}
	return &rest.Config{
		Host:            "https://" + Address.String(),
		TLSClientConfig: rest.TLSClientConfig{CAData: p.Authority.PEM, CertData: certificate, KeyData: key},
		QPS:             -1,
	}, nil
}

// Kubeconfig writes a kubeconfig of `user`, by a client certificate, and returns its path.
func (p *Plane) Kubeconfig(user string, groups ...string) (string, error) {
	certificate, key, err := p.Authority.Issue(Wish{User: user, Groups: groups})
	if err != nil {
		return "", err
	}
	return p.writeKubeconfig(user, "", &api.AuthInfo{ClientCertificateData: certificate, ClientKeyData: key})
}

// TokenKubeconfig writes a kubeconfig with a token, whose context is of that namespace, and returns its path.
func (p *Plane) TokenKubeconfig(name, namespace, token string) (string, error) {
	return p.writeKubeconfig(name, namespace, &api.AuthInfo{Token: token})
}

// TokenFileKubeconfig writes a kubeconfig that names a file with a token, and returns its path.
func (p *Plane) TokenFileKubeconfig(name, tokenFile string) (string, error) {
	return p.writeKubeconfig(name, "", &api.AuthInfo{TokenFile: tokenFile})
}

func (p *Plane) writeKubeconfig(name, namespace string, who *api.AuthInfo) (string, error) {
	config := api.NewConfig()
	config.Clusters["yett"] = &api.Cluster{
		Server:                   "https://" + Address.String(),
		CertificateAuthorityData: p.Authority.PEM,
	}
	config.AuthInfos[name] = who
	config.Contexts["yett"] = &api.Context{Cluster: "yett", AuthInfo: name, Namespace: namespace}
	config.CurrentContext = "yett"
	content, err := clientcmd.Write(*config)
	if err != nil {
		return "", err
	}
	file := "kubeconfig/" + strings.NewReplacer(":", "-", "/", "-").Replace(name) + ".yaml"
	return p.path(file), p.write(file, content)
}

// get asks for a plain path over a connection of its own.
func get(ctx context.Context, config *rest.Config, path string) (string, error) {
	if _, err := url.Parse(path); err != nil {
		return "", err
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return "", err
	}
	answer, err := client.Discovery().RESTClient().Get().AbsPath(path).DoRaw(ctx)
	return string(answer), err
}
