package e2e

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/summerwind/h2spec/config"
	"github.com/summerwind/h2spec/generic"
	"github.com/summerwind/h2spec/hpack"
	h2cases "github.com/summerwind/h2spec/http2"
	"github.com/summerwind/h2spec/spec"

	"yett.dev/e2e/gate"
)

// What h2spec asks for by RFC 7540 and RFC 9113 does not.
const (
	closedStreams = "RFC 9113, 5.1: frames for a stream that is closed MAY be a connection error (RFC 7540: MUST); " +
		"remembering closed streams for it would cost each connection memory"
	priorities = "RFC 9113, 5.3.2: the priorities of RFC 7540 are deprecated, and dependencies are gone from the text; " +
		"we say so by SETTINGS_NO_RFC7540_PRIORITIES (RFC 9218, 2.1)"
	otherProtocol = "RFC 9113, 3.4: GOAWAY may be omitted, as such a preface shows that the peer does not use HTTP/2; " +
		"in the clear the port speaks HTTP/1.1 too, by which the answer is 400"
)

var h2specDeviations = map[string]string{
	"http2/5.1/8":   closedStreams,
	"http2/5.1/9":   closedStreams,
	"http2/5.1/11":  closedStreams,
	"http2/5.1/12":  closedStreams,
	"http2/5.3.1/2": priorities,
}

// Only on a port that speaks HTTP/1.1 as well.
var h2specDeviationsInTheClear = map[string]string{"http2/3.5/2": otherProtocol}

// h2specCase is one of them; its number is that in its group.
type h2specCase struct {
	*spec.TestCase
	id  string
	err error
}

func h2specCases(group *spec.TestGroup) (cases []*h2specCase) {
	for i, test := range append(group.Tests, group.StrictTests...) {
		cases = append(cases, &h2specCase{TestCase: test, id: fmt.Sprintf("%s/%d", group.ID(), i+1)})
	}
	for _, child := range group.Groups {
		cases = append(cases, h2specCases(child)...)
	}
	return cases
}

func h2specRun(t *testing.T, address string, overTLS bool) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	number, _ := strconv.Atoi(port)
	settings := &config.Config{Host: host, Port: number, Path: "/", Timeout: 3 * time.Second * gate.Scale(),
		MaxHeaderLen: 4000, Strict: true, TLS: overTLS, Insecure: true}
	var cases []*h2specCase
	for _, group := range []*spec.TestGroup{generic.Spec(), h2cases.Spec(), hpack.Spec()} {
		cases = append(cases, h2specCases(group)...)
	}
	deviation := func(id string) (reason string, known bool) {
		if reason, known = h2specDeviations[id]; !known && !overTLS {
			reason, known = h2specDeviationsInTheClear[id]
		}
		return reason, known
	}
	each(t, len(cases), func(i int) error {
		conn, err := spec.Dial(settings)
		if err != nil {
			return err
		}
		defer conn.Close()
		if _, known := deviation(cases[i].id); known {
			conn.Timeout = 2 * time.Second // all of which it takes
		}
		cases[i].err = cases[i].Run(settings, conn)
		return nil
	})
	passed, deviated := 0, 0
	for _, c := range cases {
		reason, known := deviation(c.id)
		switch {
		case errors.Is(c.err, spec.ErrSkipped):
			t.Errorf("%s was not run: %s", c.id, c.Desc)
		case known && c.err == nil:
			t.Errorf("%s passes, though it is listed as a deviation: %s", c.id, reason)
		case known:
			deviated++
		case c.err != nil:
			t.Errorf("%s: %s: %v", c.id, c.Desc, c.err)
		default:
			passed++
		}
	}
	t.Logf("h2spec: %d passed, %d deviate for the reasons given", passed, deviated)
	if passed < 140 {
		t.Errorf("only %d cases passed: not all were run", passed)
	}
}

// The whole of h2spec, its strict cases too, against a route that is answered with content.
func TestH2spec(t *testing.T) {
	t.Parallel() // it waits most of its time
	web := gate.NewBackend(t, "web")
	web.Handle(func(w http.ResponseWriter, r *http.Request) {
		// Cases about half-closed streams mean streams whose answer has not come yet.
		time.Sleep(50 * time.Millisecond)
		w.Write(make([]byte, 1000))
	})
	certificate := gate.NewCertificate(t, "h2.test")
	g := start(t, gate.Options{Args: []string{"--default-ssl-certificate", "default/h2"}}, gate.Backends("web", web.Addr),
		certificate.Secret("h2"), gate.Route("web", "", "/", "web"))
	t.Run("in the clear", func(t *testing.T) { h2specRun(t, g.HTTP, false) })
	t.Run("over TLS", func(t *testing.T) { h2specRun(t, g.HTTPS, true) })
	if g.Exited() {
		t.Error("the gate ended")
	}
}
