package e2e

import (
	"regexp"
	"testing"
)

// What a client says of itself, and what a backend is told, by what the ConfigMap trusts.
var forwardedCases = []struct {
	name   string
	config map[string]string
	sent   []string
	want   map[string]string // "": the field is absent
}{
	{"default", nil,
		[]string{"X-Forwarded-For: 1.1.1.1", "X-Forwarded-Proto: https", "X-Forwarded-Host: evil", "X-Forwarded-Port: 99",
			"X-Forwarded-Scheme: x", "X-Scheme: y", "X-Real-IP: 2.2.2.2", "X-Original-Forwarded-For: 3.3.3.3"},
		map[string]string{"X-Forwarded-For": "127.0.0.1", "X-Real-IP": "127.0.0.1", "X-Forwarded-Proto": "http",
			"X-Forwarded-Scheme": "http", "X-Scheme": "http", "X-Forwarded-Host": siteHost, "Host": siteHost,
			"X-Original-Forwarded-For": "1.1.1.1", "X-Original-Forwarded-Host": "evil"}},
	{"nothing sent", nil, nil,
		map[string]string{"X-Forwarded-For": "127.0.0.1", "X-Original-Forwarded-For": "", "X-Original-Forwarded-Host": ""}},
	{"trusted", map[string]string{"use-forwarded-headers": "true"},
		[]string{"X-Forwarded-For: 1.1.1.1", "X-Forwarded-Proto: https", "X-Forwarded-Host: evil, b", "X-Forwarded-Port: 99"},
		map[string]string{"X-Forwarded-For": "1.1.1.1", "X-Real-IP": "1.1.1.1", "X-Forwarded-Proto": "https", "X-Scheme": "https",
			"X-Forwarded-Scheme": "https", "X-Forwarded-Host": "evil", "Host": "evil", "X-Forwarded-Port": "99"}},
	{"trusted, full", map[string]string{"use-forwarded-headers": "true", "compute-full-forwarded-for": "true"},
		[]string{"X-Forwarded-For: 1.1.1.1"},
		map[string]string{"X-Forwarded-For": "1.1.1.1, 127.0.0.1", "X-Real-IP": "1.1.1.1"}},
	{"trusted, but not this peer", map[string]string{"use-forwarded-headers": "true", "proxy-real-ip-cidr": "10.0.0.0/8"},
		[]string{"X-Forwarded-For: 1.1.1.1", "X-Forwarded-Proto: https", "X-Forwarded-Host: evil"},
		map[string]string{"X-Forwarded-For": "127.0.0.1", "X-Real-IP": "127.0.0.1", "X-Forwarded-Proto": "https", "Host": "evil"}},
	{"trusted hops are walked", map[string]string{"use-forwarded-headers": "true", "proxy-real-ip-cidr": "127.0.0.0/8,10.0.0.0/8"},
		[]string{"X-Forwarded-For: 6.6.6.6, 1.1.1.1, 10.1.1.1"},
		map[string]string{"X-Forwarded-For": "1.1.1.1", "X-Real-IP": "1.1.1.1"}},
	{"real address only", map[string]string{"enable-real-ip": "true"},
		[]string{"X-Forwarded-For: 1.1.1.1", "X-Forwarded-Proto: https", "X-Forwarded-Host: evil"},
		map[string]string{"X-Forwarded-For": "1.1.1.1", "X-Real-IP": "1.1.1.1", "X-Forwarded-Proto": "http", "Host": siteHost}},
	{"another field", map[string]string{"enable-real-ip": "true", "forwarded-for-header": "X-Client"},
		[]string{"X-Forwarded-For: 1.1.1.1", "X-Client: 4.4.4.4"},
		map[string]string{"X-Real-IP": "4.4.4.4"}},
}

func TestHTTPForwarded(t *testing.T) {
	for _, c := range forwardedCases {
		t.Run(c.name, func(t *testing.T) {
			s := newSite(t, siteOptions{config: c.config}, answering(echoTarget))
			s.Get(t, siteHost, "/", c.sent...)
			for name, value := range c.want {
				if value == "" {
					expectNoField(t, s.seen.last(), name)
				} else {
					expectField(t, s.seen.last(), name, value)
				}
			}
		})
	}
}

func TestHTTPForwardedPort(t *testing.T) {
	s := newSite(t, siteOptions{}, answering(echoTarget))
	s.Get(t, siteHost, "/")
	if !regexp.MustCompile(`^\d+$`).MatchString(fieldValues(s.seen.last(), "X-Forwarded-Port")[0]) {
		t.Errorf("the backend saw %q", s.seen.last())
	}
	s.GetTLS(t, siteHost, "/")
	expectField(t, s.seen.last(), "X-Forwarded-Port", "443")
	expectField(t, s.seen.last(), "X-Forwarded-Proto", "https")
}
