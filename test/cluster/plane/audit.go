package plane

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
)

// auditPolicy keeps one line for each finished request, but for those of the cluster's own parts, which nobody asks
// about. A watch has one when it begins, too: it may never finish.
const auditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: None
  userGroups: [system:masters, system:nodes]
- level: None
  users: [system:apiserver, system:kube-controller-manager, system:kube-scheduler, system:anonymous]
- level: Metadata
`

// AuditEvent is a line of the audit log, as far as tests ask.
type AuditEvent struct {
	Stage      string
	RequestURI string
	Verb       string
	UserAgent  string
	User       struct{ Username string }
	ObjectRef  *struct {
		Resource, Subresource, Namespace, Name, APIGroup string
	}
	ResponseStatus *struct{ Code int }
	Annotations    map[string]string
}

// Audit returns what `user` has asked for, oldest first.
func (p *Plane) Audit(user string) ([]AuditEvent, error) {
	files, err := filepath.Glob(p.path("log/audit*.log")) // old ones have their date before the suffix
	if err != nil {
		return nil, err
	}
	slices.Sort(files)
	var events []AuditEvent
	for _, file := range files {
		if err := readAudit(file, user, &events); err != nil {
			return nil, err
		}
	}
	return events, nil
}

func readAudit(path, user string, events *[]AuditEvent) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	scanner := bufio.NewScanner(file)
	scanner.Buffer(nil, 4<<20)
	for scanner.Scan() {
		var event AuditEvent
		if json.Unmarshal(scanner.Bytes(), &event) != nil {
			continue // the line that is being written
		}
		if event.User.Username == user {
			*events = append(*events, event)
		}
	}
	return scanner.Err()
}
