package gate

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"unsafe"
)

const insideVariable = "YETT_E2E_NAMESPACE"

// InNamespace runs the calling test once more in a network and a mount namespace of its own, where 127.0.0.1 and
// `addresses` are up, and /etc/resolv.conf holds `resolvConf`. It returns true inside; outside it returns false
// when the test there has passed. It works without root where user namespaces are allowed.
func InNamespace(t *testing.T, resolvConf string, addresses ...string) bool {
	t.Helper()
	if os.Getenv(insideVariable) == t.Name() {
		prepareNamespace(t, resolvConf, addresses)
		return true
	}
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), insideVariable+"="+t.Name())
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWNS | syscall.CLONE_NEWNET | syscall.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
		Pdeathsig:   syscall.SIGKILL,
	}
	if os.Getuid() == 0 {
		cmd.SysProcAttr.Cloneflags &^= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings, cmd.SysProcAttr.GidMappings = nil, nil
	}
	output, err := cmd.CombinedOutput()
	if os.Getuid() != 0 && errors.Is(err, syscall.EPERM) {
		t.Skip("this machine lets only root make namespaces")
	}
	if err != nil || !strings.Contains(string(output), "--- PASS: "+t.Name()) {
		t.Errorf("in its namespace: %v\n%s", err, output)
	}
	return false
}

func prepareNamespace(t *testing.T, resolvConf string, addresses []string) {
	t.Helper()
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		t.Fatalf("mounts of one's own: %v; where / is no mount point, as in a plain chroot, bind it on itself first", err)
	}
	file := filepath.Join(t.TempDir(), "resolv.conf")
	if err := os.WriteFile(file, []byte(resolvConf), 0o644); err != nil {
		t.Fatal(err)
	}
	target, err := filepath.EvalSymlinks("/etc/resolv.conf")
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount(file, target, "", syscall.MS_BIND, ""); err != nil {
		t.Fatalf("resolv.conf: %v", err)
	}
	// With the file's folder goes what it is mounted from.
	t.Cleanup(func() { syscall.Unmount(target, syscall.MNT_DETACH) })
	setInterface(t, "lo", syscall.SIOCSIFFLAGS, func(data []byte) {
		*(*uint16)(unsafe.Pointer(&data[0])) = syscall.IFF_UP | syscall.IFF_LOOPBACK | syscall.IFF_RUNNING
	})
	for i, address := range addresses {
		setInterface(t, "lo:"+string(rune('a'+i)), syscall.SIOCSIFADDR, func(data []byte) {
			*(*uint16)(unsafe.Pointer(&data[0])) = syscall.AF_INET
			copy(data[4:], net.ParseIP(address).To4())
		})
	}
}

// setInterface does one ioctl of netdevice(7) with the union of struct ifreq as `fill` leaves it.
func setInterface(t *testing.T, name string, request uintptr, fill func(data []byte)) {
	t.Helper()
	socket, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_DGRAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(socket)
	var ifreq struct {
		name [syscall.IFNAMSIZ]byte
		data [24]byte
	}
	copy(ifreq.name[:], name)
	fill(ifreq.data[:])
	if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, uintptr(socket), request, uintptr(unsafe.Pointer(&ifreq))); errno != 0 {
		t.Fatalf("interface %s: %v", name, errno)
	}
}
