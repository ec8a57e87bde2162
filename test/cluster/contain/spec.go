// Package contain starts a process as a container runtime would: in namespaces of its own, on a root of its
// own, as the user and with the rights that were asked for, and nothing more.
//
// The package has two sides. Start and Enter belong to the node agent. The other side, Main, is a small binary
// (cmd/contain) that becomes the process: it is one of its own because a start must cost milliseconds, which
// the agent's binary with a whole Kubernetes client in it would not.
//
// It does what containerd and runc do, in their order, so that what works here works there: see root.go,
// identity.go and seccomp.go for the parts. There are no cgroups: nothing is limited.
package contain

// Spec is all that the process is to be. It reaches the contain binary through a pipe.
type Spec struct {
	Root     Root
	Hostname string // empty: that of the node
	Args     []string
	Env      []string
	Dir      string // made where it is missing, as containerd does
	Identity Identity

	// OwnNetwork is set by Start: a network namespace comes with the spec. Without one, the process shares the node's.
	OwnNetwork bool
}

// Root says what the process finds at "/".
type Root struct {
	Lower    string  // a directory that is read only; what is written goes to memory and ends with the container
	Scratch  string  // an empty directory that is this container's own
	ReadOnly bool    // nothing can be written but to mounts
	Mounts   []Mount // in this order
	RawProc  bool    // privileged: /proc and /sys as they are
}

// Mount puts a file or directory of the node's at a place of the container's.
type Mount struct {
	Source   string // absolute, and no symbolic link
	Target   string // absolute, in the container; made where it is missing
	ReadOnly bool
}

// Identity is who the process is and what it may do.
type Identity struct {
	UID, GID        uint32
	Groups          []uint32
	Capabilities    uint64 // the bounding set; permitted and effective, too, until the exec of one who is not root
	NoNewPrivileges bool
	Seccomp         bool // the filter of seccomp.go
}

// The descriptors that the binary gets beside the usual three.
const (
	specFD   = 3 // the Spec as JSON
	reportFD = 4 // what went wrong before the exec; closed without a word by the exec itself
	firstNS  = 5 // namespaces to join
)
