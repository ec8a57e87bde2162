package e2e

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"yett.dev/e2e/gate"
)

// bad is an Ingress with a place for each kind of harm. NAME and HOST are replaced by ones of its own.
func bad(host, path, kind, port string) string {
	return fmt.Sprintf(`apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: NAME
spec:
  rules:
    - host: %s
      http:
        paths:
          - path: %s
            pathType: %s
            backend:
              service:
                name: good
                port:
                  number: %s
`, host, path, kind, port)
}

// pick takes one of several forms of the same harm.
func pick(i int, forms ...string) string { return forms[i%len(forms)] }

// What can be wrong with a document; each makes one that somebody must be told about.
var harms = []struct {
	what string
	make func(i int, random *rand.Rand) string
}{
	{"syntax", func(i int, _ *rand.Rand) string {
		return pick(i, "kind: [", "kind: {a: b", "a: b: c", "a:\n\t- b", "a: 'open", "a: \"open", "- a\nb: c", "a: |\n b\n  c\n d: e: f", "%YAML 9.9\nx", "a: !<")
	}},
	{"bad host", func(i int, _ *rand.Rand) string {
		return bad(pick(i, `"a b.test"`, "-x.test", "x-.test", "1.2.3.4", `"*.*.test"`, `"a.*.test"`, `"*"`, "a..test", "x_y.test", `"[::1]"`,
			strings.Repeat("a", 64)+".test", strings.Repeat("abcdefgh.", 40)+"test", `"x.test:80"`, `"x.test/"`, `"ü.test"`), "/", "Prefix", "80")
	}},
	{"bad path", func(i int, _ *rand.Rand) string {
		return bad("HOST", pick(i, "foo", `"*"`, `"/%zz"`, `"/a%"`, `"/../.."`, `"/\0"`, `"/a%00b"`, `"a/../b"`), "Prefix", "80")
	}},
	{"bad path type", func(i int, _ *rand.Rand) string {
		return bad("HOST", "/x", pick(i, "prefix", "Regex", `""`, "7", "[Prefix]", "{a: b}"), "80")
	}},
	{"bad port", func(i int, _ *rand.Rand) string {
		return bad("HOST", "/x", "Prefix", pick(i, "0", "65536", "-1", "80.5", `"80"`, "99999999999999999999", "[80]", "{}", "http"))
	}},
	{"wrong type", func(i int, _ *rand.Rand) string {
		return pick(i,
			"apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: NAME}\nspec: 5\n",
			"apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: NAME}\nspec: {rules: all}\n",
			"apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: NAME}\nspec: {rules: [{http: {paths: {a: b}}}]}\n",
			"apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: [a]\nspec: {}\n",
			"apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: [NAME]}\nspec: {}\n",
			"apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: NAME, annotations: [a]}\nspec: {defaultBackend: {service: {name: good, port: {number: 80}}}}\n",
			"apiVersion: v1\nkind: Service\nmetadata: {name: NAME}\nspec: {ports: 80}\n",
			"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: NAME}\ndata: [a]\n",
			"apiVersion: v1\nkind: Secret\nmetadata: {name: NAME}\ndata: {tls.crt: 5}\n",
			"apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: NAME}\naddressType: IPv4\nendpoints: none\n")
	}},
	{"missing field", func(i int, _ *rand.Rand) string {
		return pick(i,
			"apiVersion: networking.k8s.io/v1\nkind: Ingress\nspec: {}\n",
			"apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {}\nspec: {}\n",
			"kind: Ingress\nmetadata: {name: NAME}\nspec: {}\n",
			"apiVersion: networking.k8s.io/v1\nmetadata: {name: NAME}\nspec: {}\n",
			"apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: NAME}\nspec: {rules: [{host: HOST, http: {paths: [{path: /, pathType: Prefix}]}}]}\n",
			"apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: NAME}\nspec: {rules: [{host: HOST, http: {paths: [{path: /, pathType: Prefix, backend: {service: {port: {number: 80}}}}]}}]}\n",
			"apiVersion: networking.k8s.io/v1\nkind: IngressClass\nmetadata: {name: NAME}\nspec: {}\n")
	}},
	{"unknown field", func(i int, _ *rand.Rand) string {
		return strings.Replace(bad("HOST", "/", "Prefix", "80"), "spec:\n",
			"spec:\n  "+pick(i, "rulez: []", "ingressClass: yett", "backends: {}")+"\n", 1)
	}},
	{"duplicate key", func(i int, _ *rand.Rand) string {
		text := bad("HOST", "/", "Prefix", "80")
		return pick(i, text+"kind: Ingress\n", text+"metadata: {name: other}\n",
			strings.Replace(text, "            pathType: Prefix\n", "            pathType: Prefix\n            pathType: Exact\n", 1))
	}},
	{"no object", func(i int, _ *rand.Rand) string {
		return pick(i, "just words\n", "[1, 2, 3]\n", "42\n", "- a\n- b\n", "true\n", `"text"`+"\n")
	}},
	{"outdated", func(i int, _ *rand.Rand) string {
		return strings.Replace(bad("HOST", "/", "Prefix", "80"), "networking.k8s.io/v1",
			pick(i, "extensions/v1beta1", "networking.k8s.io/v1beta1"), 1)
	}},
	{"truncated", func(i int, random *rand.Rand) string {
		whole, err := json.Marshal(gate.Route("NAME", "HOST", "/cut", "good"))
		if err != nil {
			panic(err) // it is made of texts
		}
		return string(whole[:1+random.IntN(len(whole)-2)])
	}},
	{"binary", func(i int, random *rand.Rand) string {
		bytes := make([]byte, 16+random.IntN(2000))
		for j := range bytes {
			bytes[j] = byte(random.Uint32())
		}
		return "\x7fELF" + string(bytes)
	}},
	{"invalid UTF-8", func(i int, _ *rand.Rand) string {
		return bad("HOST", `"/`+pick(i, "\xff", "\xc0\xaf", "\xed\xa0\x80", "\xf5\x80\x80\x80", "\xe2\x82")+`"`, "Prefix", "80")
	}},
	{"too deep", func(i int, _ *rand.Rand) string {
		depth := 500 + 500*(i%7)
		return pick(i, strings.Repeat("[", depth), "a: "+strings.Repeat("[", depth)+strings.Repeat("]", depth), strings.Repeat(`{"a":`, depth)+"1"+strings.Repeat("}", depth))
	}},
	{"bomb of aliases", func(i int, _ *rand.Rand) string {
		var text strings.Builder
		text.WriteString("a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol, lol]\n")
		for level := 1; level < 8+i%8; level++ {
			fmt.Fprintf(&text, "a%d: &a%d [", level, level)
			for range 10 {
				fmt.Fprintf(&text, "*a%d, ", level-1)
			}
			text.WriteString("]\n")
		}
		return "kind: Ingress\napiVersion: networking.k8s.io/v1\nmetadata: {name: NAME}\n" + text.String()
	}},
	{"alias of nothing", func(i int, _ *rand.Rand) string {
		return bad("*nowhere", "/", "Prefix", "80")
	}},
	{"huge", func(i int, _ *rand.Rand) string {
		return bad(strings.Repeat("a", 1<<uint(10+i%10)), "/", "Prefix", "80")
	}},
	{"bad Secret", func(i int, _ *rand.Rand) string {
		return "apiVersion: v1\nkind: Secret\nmetadata: {name: NAME}\ntype: kubernetes.io/tls\ndata: {tls.crt: \"" + pick(i, "!!!", "a", "ab=c", "====") + "\", tls.key: \"\"}\n"
	}},
	{"bad endpoints", func(i int, _ *rand.Rand) string {
		return "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: NAME, labels: {kubernetes.io/service-name: good}}\n" +
			"addressType: IPv4\nports: [{name: http, port: " + pick(i, "80", "70000", "-1", "x") + "}]\nendpoints: [{addresses: [" +
			pick(i/4, "300.1.1.1", "localhost", `""`, "5") + "]}]\n"
	}},
	{"bad annotation", func(i int, _ *rand.Rand) string {
		return strings.Replace(bad("HOST", "/", "Prefix", "80"), "spec:",
			"  annotations:\n    nginx.ingress.kubernetes.io/"+
				pick(i, "rate-limit: \"5\"", "proxy-read-timeout: soon", "ssl-redirekt: \"true\"", "configuration-snippet: return 200;")+"\nspec:", 1)
	}},
}

// A thousand bad documents beside a hundred good Ingresses: all the good serve, all the bad are reported, and
// nothing crashes; `check` says the same.
func TestBadDocuments(t *testing.T) {
	t.Parallel()
	const count, goods = 1000, 100
	random := rand.New(rand.NewPCG(1, 2))
	dir := gate.NewDir(t)
	g := gate.Start(t, gate.Options{Dir: dir, Workers: 1})

	badFiles := map[string]string{} // name → what is wrong
	for i := range count {
		harm := harms[i%len(harms)]
		name := fmt.Sprintf("bad-%04d.yaml", i)
		// Names of their own: nobody is to be reported for being the second of that name.
		own := strings.NewReplacer("NAME", fmt.Sprintf("bad-%d", i), "HOST", fmt.Sprintf("bad%d.test", i))
		dir.WriteText(name, own.Replace(harm.make(i/len(harms), random)))
		badFiles[name] = harm.what
	}
	dir.WriteText("bad-huge.yaml", "a: "+strings.Repeat("x", 20<<20))
	badFiles["bad-huge.yaml"] = "too large a file"
	dir.Write("good-service.yaml", services(t, "good")...)
	for i := range goods {
		dir.Write(fmt.Sprintf("good-%d.yaml", i), gate.Route(fmt.Sprintf("good-%d", i), fmt.Sprintf("good%d.test", i), "/", "good"))
	}

	for i := range goods {
		g.WaitBody(t, fmt.Sprintf("good%d.test", i), "/", "good")
	}
	missing := badFiles
	for deadline := time.Now().Add(10 * time.Second * gate.Scale()); len(missing) > 0 && time.Now().Before(deadline); {
		missing = unreported(t, g, badFiles)
		time.Sleep(10 * time.Millisecond)
	}
	for name, what := range missing {
		t.Errorf("%s (%s) is not reported", name, what)
	}
	log := g.Log.Text()
	for name, what := range badFiles {
		if !strings.Contains(log, name) {
			t.Errorf("%s (%s) is not in the log", name, what)
		}
	}
	if restarted := g.Log.Find(0, "child_ended"); len(restarted) > 0 {
		t.Errorf("something crashed: %s", restarted[0])
	}

	status, stdout, stderr := gate.Run(t, "check", dir.Path)
	if status != 1 {
		t.Errorf("check: exit status %d\n%s", status, stderr)
	}
	for name, what := range badFiles {
		if !strings.Contains(stdout, name) {
			t.Errorf("check does not name %s (%s)", name, what)
		}
	}
}

func unreported(t *testing.T, g *gate.Gate, files map[string]string) map[string]string {
	t.Helper()
	left := map[string]string{}
	for name, what := range files {
		left[name] = what
	}
	for _, diagnostic := range g.Diagnostics(t).Diagnostics {
		delete(left, filepath.Base(diagnostic.File))
	}
	return left
}
