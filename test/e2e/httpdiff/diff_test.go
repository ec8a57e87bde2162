// Package httpdiff compares our HTTP/1 parser with nginx's on generated streams. Where we are stricter there
// is nothing to fear; where we accept what nginx refuses, or frame it differently, a request could be smuggled.
package httpdiff

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"testing"
)

const (
	streams      = 20000
	seed         = 9112
	failuresShow = 10
)

// difference says what is dangerous about two opinions, or "".
func difference(v verdict, answers []answer) (what string, i int) {
	for i, r := range v.requests {
		last := i == len(v.requests)-1
		if last && (v.end == "bad-body" || v.end == "partial-body") {
			return "", i // nothing of it is ever complete for us
		}
		if i >= len(answers) {
			return "we see a request that nginx does not see", i
		}
		a := answers[i]
		if a.status != 200 {
			return fmt.Sprintf("we accept what nginx refuses with %d", a.status), i
		}
		if a.method != r.method || a.target != r.target {
			return fmt.Sprintf("nginx read %s %s", a.method, a.target), i
		}
		if a.host != r.host {
			return fmt.Sprintf("nginx read host %s", a.host), i
		}
	}
	if v.end == "done" && len(answers) > len(v.requests) {
		return "nginx sees a request that we do not see", len(v.requests)
	}
	return "", 0
}

// Differences that are meant, each with its reason.
var known = []struct {
	reason string
	is     func(stream string, r request, a answer) bool
}{
	{"nginx refuses TRACE and CONNECT while it parses, our proxy right after: both with 405, or 400 for a target",
		func(_ string, r request, a answer) bool {
			return a.status == 405 && r.method == "TRACE" || a.status != 200 && r.method == "CONNECT"
		}},
	{"methods are any token to us (RFC 9110, 9.1), upper case, '_' and '-' to nginx; none changes framing",
		func(_ string, r request, a answer) bool { return a.status == 400 && !upperCase(r.method) }},
	{"nginx has no OPTIONS * (RFC 9112, 3.2.4), and makes / of an absolute form that means it",
		func(_ string, r request, a answer) bool {
			return r.method == "OPTIONS" && r.target == "*" && (a.status == 400 || a.target == "/")
		}},
	{"an empty Host is as good as none in HTTP/1.0 (RFC 9112, 3.2 asks only HTTP/1.1 clients for one)",
		func(_ string, r request, a answer) bool {
			return a.status == 400 && r.version == "1.0" && r.host == "-"
		}},
	{"nginx takes no tab for white space (RFC 9110, 5.6.3); a backend gets the value without it from us",
		func(stream string, r request, a answer) bool {
			return a.status >= 400 && blankTab.MatchString(stream)
		}},
}

var blankTab = regexp.MustCompile(`(?i)(content-length|transfer-encoding|host|expect): *\t|\t *\r\n`)

func upperCase(method string) bool {
	for _, c := range method {
		if (c < 'A' || c > 'Z') && c != '_' && c != '-' {
			return false
		}
	}
	return true
}

func isKnown(stream string, v verdict, answers []answer, i int) bool {
	if i >= len(v.requests) || i >= len(answers) {
		return false
	}
	for _, k := range known {
		if k.is(stream, v.requests[i], answers[i]) {
			return true
		}
	}
	return false
}

func TestAgainstNginx(t *testing.T) {
	ours, theirs := startJudge(t), startNginx(t)
	g := generator{rand.New(rand.NewPCG(seed, 0))}
	accepted, complete, meant, failed := 0, 0, 0, 0

	for n := range streams {
		stream := g.stream()
		v, err := ours.judge(stream)
		if err != nil {
			t.Fatalf("stream %d: %v\n%q", n, err, stream)
		}
		answers, err := theirs.judge(stream)
		if err != nil {
			t.Fatalf("stream %d: %v\n%q", n, err, stream)
		}
		accepted += len(v.requests)
		if v.end == "close" {
			complete++
		}
		what, i := difference(v, answers)
		if what == "" {
			continue
		}
		if isKnown(string(stream), v, answers, i) {
			meant++
			continue
		}
		if failed++; failed <= failuresShow {
			t.Errorf("stream %d, request %d: %s\n%q\nours: %+v\nnginx: %+v", n, i, what, stream, v, answers)
		}
	}
	t.Logf("%d streams, %d requests accepted, %d streams read to their end, %d known differences, %d dangerous",
		streams, accepted, complete, meant, failed)
	// A generator that makes only rubbish would prove nothing.
	if accepted < streams/3 || complete < streams/20 {
		t.Errorf("too few streams are understood at all: the generator is broken")
	}
}
