package contain

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// The names of linux/capability.h, each at its number.
var capabilityNames = []string{
	"CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP",
	"LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK", "IPC_OWNER",
	"SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT", "SYS_ADMIN", "SYS_BOOT", "SYS_NICE",
	"SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP",
	"MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG", "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF",
	"CHECKPOINT_RESTORE",
}

// What a container has where its Pod says nothing: the list that containerd and Docker share.
var defaultCapabilities = []string{
	"CHOWN", "DAC_OVERRIDE", "FSETID", "FOWNER", "MKNOD", "NET_RAW", "SETGID", "SETUID", "SETFCAP", "SETPCAP",
	"NET_BIND_SERVICE", "SYS_CHROOT", "KILL", "AUDIT_WRITE",
}

// AllCapabilities is what a privileged container has: everything that the node agent has.
func AllCapabilities() uint64 {
	_, permitted, _ := getCapabilities()
	return permitted
}

// Capabilities is the set after `add` and `drop` of a container's securityContext. "ALL" comes first, as in
// containerd, so that "drop ALL, add X" and "add ALL, drop X" both mean what they say.
func Capabilities(add, drop []string) (uint64, error) {
	set, err := capabilitySet(defaultCapabilities)
	if err != nil {
		return 0, err
	}
	if hasAll(add) {
		set = AllCapabilities()
	}
	if hasAll(drop) {
		set = 0
	}
	added, err := capabilitySet(add)
	if err != nil {
		return 0, err
	}
	dropped, err := capabilitySet(drop)
	return (set | added) &^ dropped, err
}

func hasAll(names []string) bool {
	for _, name := range names {
		if strings.EqualFold(name, "ALL") {
			return true
		}
	}
	return false
}

func capabilitySet(names []string) (uint64, error) {
	set := uint64(0)
next:
	for _, name := range names {
		plain := strings.TrimPrefix(strings.ToUpper(name), "CAP_")
		if plain == "ALL" {
			continue
		}
		for number, known := range capabilityNames {
			if known == plain {
				set |= 1 << number
				continue next
			}
		}
		return 0, fmt.Errorf("unknown capability %q", name)
	}
	return set, nil
}

// boundCapabilities takes all others out of the bounding set.
func boundCapabilities(set uint64) error {
	for number := range capabilityNames {
		if set&(1<<number) != 0 {
			continue
		}
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, uintptr(number), 0, 0, 0); err != nil && err != unix.EINVAL {
			return fmt.Errorf("drop capability %s: %w", capabilityNames[number], err)
		}
	}
	return nil
}

func setCapabilities(set uint64) error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	low, high := uint32(set), uint32(set>>32)
	data := [2]unix.CapUserData{{Effective: low, Permitted: low}, {Effective: high, Permitted: high}}
	if err := unix.Capset(&header, &data[0]); err != nil {
		return fmt.Errorf("capabilities %#x, which this node may not have itself: %w", set, err)
	}
	return nil
}

func getCapabilities() (effective, permitted uint64, err error) {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return 0, 0, err
	}
	return uint64(data[0].Effective) | uint64(data[1].Effective)<<32,
		uint64(data[0].Permitted) | uint64(data[1].Permitted)<<32, nil
}
