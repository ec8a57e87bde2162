package cluster

import (
	"fmt"
	"strings"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"yett.dev/cluster/kube"
)

// events of one reason in the test's namespace.
func (w *writes) events(reason string) []v1.Event {
	w.t.Helper()
	list, err := w.Client.CoreV1().Events(w.namespace).List(w.t.Context(), metav1.ListOptions{FieldSelector: "reason=" + reason})
	if err != nil {
		w.t.Fatal(err)
	}
	return list.Items
}

// waitEvent waits for one, and returns it.
func (w *writes) waitEvent(reason string) (event v1.Event) {
	w.t.Helper()
	kube.Wait(w.t, 15*time.Second, "an Event "+reason, func() error {
		events := w.events(reason)
		if len(events) == 0 {
			return fmt.Errorf("there is none")
		}
		event = events[0]
		return nil
	})
	return event
}

// What is wrong is what kubectl describe says.
func TestEventsTellWhatIsWrong(t *testing.T) {
	t.Parallel()
	w := newWrites(t, "default")
	w.start("--update-status=false")
	w.Apply(t, w.namespace, w.ingress("broken", w.namespace, ""))
	event := w.waitEvent("ServiceMissing")
	if event.Type != v1.EventTypeWarning || event.Count != 1 || event.InvolvedObject.UID != w.get("broken").UID ||
		event.Source.Component != "yett" || !strings.HasPrefix(event.Message, "spec.rules[0].http.paths[0]: ") {
		t.Errorf("the Event is %+v", event)
	}
	text := w.Kubectl(t, "-n", w.namespace, "describe", "ingress", "broken")
	for _, part := range []string{"Warning", "ServiceMissing", "there is no Service " + w.namespace + "/web",
		"To mend it: create the Service"} {
		if !strings.Contains(text, part) {
			t.Errorf("kubectl describe says, without %q:\n%s", part, text)
		}
	}
	w.waitEvent("Sync")
}

// A finding that comes and goes a hundred times is a few writes.
func TestEventsAreNoStorm(t *testing.T) {
	t.Parallel()
	w := newWrites(t, "default")
	g := w.start("--update-status=false", "--disable-sync-events")
	w.Apply(t, w.namespace, w.ingress("flapping", w.namespace, ""))
	w.waitEvent("ServiceMissing")
	service := w.service("web", "192.0.2.1")
	// The log leaves out what comes and goes at once: the quicker the machine, the more turns it takes.
	seen, flaps := 0, 0
	for start := time.Now(); flaps < 100 || seen < 10; flaps++ {
		if time.Since(start) > time.Minute {
			t.Fatalf("after %d times the log says it %d times", flaps, seen)
		}
		w.Apply(t, w.namespace, service)
		w.Delete(t, w.namespace, service)
		seen = strings.Count(g.Tail(100000), "code=service-missing")
	}
	writes := w.asked(isWrite("events"))
	t.Logf("it was so %d times, the log tells of %d; there were %d writes", flaps, seen, len(writes))
	if len(writes) > 3 {
		t.Errorf("%d Events were written", len(writes))
	}
}

// Whoever leads next does not begin anew.
func TestEventsAreNotRepeatedByTheNextLeader(t *testing.T) {
	t.Parallel()
	const many = 60
	w := newWrites(t, "default")
	for i := range many {
		w.Apply(t, w.namespace, w.ingress(fmt.Sprint("i", i), w.namespace, ""))
	}
	first := w.start("--update-status=false", "--disable-sync-events")
	kube.Wait(t, 30*time.Second, "all Events", func() error {
		if n := len(w.events("ServiceMissing")); n != many {
			return fmt.Errorf("%d of %d", n, many)
		}
		return nil
	})
	before := w.eventChanges()
	first.Stop(20 * time.Second)
	second := w.start("--update-status=false", "--disable-sync-events")
	w.leader([]*kube.Gate{second})
	kube.Wait(t, 30*time.Second, "the new leader to know all Events", func() error {
		if n, err := w.metric(second, "yett_events_waiting"); err != nil || n > 0 {
			return fmt.Errorf("%v are waiting (%v)", n, err)
		}
		return nil
	})
	if after := w.eventChanges(); after != before {
		t.Errorf("the Events were %d times written, and are now %d times", before, after)
	}
}

// eventChanges is how often the Events that are there have been written: the sum of their counts.
func (w *writes) eventChanges() (sum int32) {
	for _, event := range w.events("ServiceMissing") {
		sum += event.Count
	}
	return sum
}
