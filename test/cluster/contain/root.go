package contain

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// oldRoot is where the node's files are while the container's root is being furnished. Furnishing comes after
// the change of root, so that symbolic links in an image ("/var/run") lead where its programs will see them lead.
const oldRoot = "/.node"

// assume makes r the root of this mount namespace.
func (r Root) assume() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("mounts of one's own: %w", err)
	}
	merged, err := r.overlay()
	if err != nil {
		return err
	}
	if err := os.Mkdir(merged+oldRoot, 0o700); err != nil {
		return err
	}
	if err := unix.PivotRoot(merged, merged+oldRoot); err != nil {
		return fmt.Errorf("pivot_root: %w", err)
	}
	if err := unix.Chdir("/"); err != nil {
		return err
	}
	if err := errors.Join(r.system(), r.mounts()); err != nil {
		return err
	}
	if err := unix.Unmount(oldRoot, unix.MNT_DETACH); err != nil {
		return fmt.Errorf("leave the node's root: %w", err)
	}
	if err := os.Remove(oldRoot); err != nil {
		return err
	}
	if r.ReadOnly {
		return remountReadOnly("/")
	}
	return nil
}

// overlay lays memory over the lower directory. The memory is a file system of its own because the kernel
// refuses an upper directory below its lower one, which may be "/".
func (r Root) overlay() (string, error) {
	if err := unix.Mount("scratch", r.Scratch, "tmpfs", 0, "mode=755"); err != nil {
		return "", fmt.Errorf("scratch: %w", err)
	}
	for _, name := range []string{"upper", "work", "merged"} {
		if err := os.Mkdir(filepath.Join(r.Scratch, name), 0o755); err != nil {
			return "", err
		}
	}
	merged := filepath.Join(r.Scratch, "merged")
	quoted := strings.NewReplacer(`\`, `\\`, `,`, `\,`, `:`, `\:`)
	lower, scratch := quoted.Replace(r.Lower), quoted.Replace(r.Scratch)
	options := fmt.Sprintf("lowerdir=%s,upperdir=%s/upper,workdir=%s/work", lower, scratch, scratch)
	if err := unix.Mount("overlay", merged, "overlay", 0, options); err != nil {
		return "", fmt.Errorf("overlay on %s: %w", r.Lower, err)
	}
	return merged, nil
}

// system mounts what every container finds: /proc, /sys, /dev.
func (r Root) system() error {
	const quiet = unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC
	for _, m := range []struct {
		target, kind, options string
		flags                 uintptr
	}{
		{"/proc", "proc", "", quiet},
		{"/sys", "sysfs", "", quiet | unix.MS_RDONLY},
		{"/dev", "tmpfs", "mode=755,size=64k", unix.MS_NOSUID | unix.MS_STRICTATIME},
		{"/dev/shm", "tmpfs", "mode=1777,size=64m", quiet},
	} {
		if err := os.MkdirAll(m.target, 0o755); err != nil {
			return err
		}
		if err := unix.Mount(m.kind, m.target, m.kind, m.flags, m.options); err != nil {
			return fmt.Errorf("mount %s: %w", m.target, err)
		}
	}
	for _, device := range []string{"null", "zero", "full", "random", "urandom", "tty"} {
		if err := bind(Mount{Source: "/dev/" + device, Target: "/dev/" + device}); err != nil {
			return err
		}
	}
	for name, target := range map[string]string{
		"fd": "/proc/self/fd", "stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1", "stderr": "/proc/self/fd/2",
	} {
		if err := os.Symlink(target, "/dev/"+name); err != nil {
			return err
		}
	}
	if r.RawProc {
		return nil
	}
	return maskProc()
}

// maskProc hides and protects what the runtimes hide and protect.
func maskProc() error {
	for _, path := range []string{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"} {
		err := unix.Mount(path, path, "", unix.MS_BIND|unix.MS_REC, "")
		if errors.Is(err, unix.ENOENT) {
			continue
		}
		if err := errors.Join(err, remountReadOnly(path)); err != nil {
			return err
		}
	}
	for _, path := range []string{"/proc/kcore", "/proc/keys", "/proc/timer_list", "/proc/sched_debug"} {
		if err := unix.Mount("/dev/null", path, "", unix.MS_BIND, ""); err != nil && !errors.Is(err, unix.ENOENT) {
			return fmt.Errorf("mask %s: %w", path, err)
		}
	}
	return nil
}

func (r Root) mounts() error {
	for _, m := range r.Mounts {
		if err := bind(m); err != nil {
			return err
		}
	}
	return nil
}

// bind mounts a file or directory of the node's, whose place it makes.
func bind(m Mount) error {
	source := oldRoot + m.Source
	info, err := os.Stat(source)
	if err != nil {
		return fmt.Errorf("mount at %s: %w", m.Target, err)
	}
	if err := makePlace(m.Target, info.IsDir()); err != nil {
		return fmt.Errorf("place for a mount: %w", err)
	}
	if err := unix.Mount(source, m.Target, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		return fmt.Errorf("mount %s at %s: %w", m.Source, m.Target, err)
	}
	if m.ReadOnly {
		return remountReadOnly(m.Target)
	}
	return nil
}

func makePlace(target string, isDir bool) error {
	if isDir {
		return os.MkdirAll(target, 0o755)
	}
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return err
	}
	// A link to what is on no file system of the image, as /etc/resolv.conf may be, gives way.
	if _, err := os.Stat(target); errors.Is(err, os.ErrNotExist) {
		os.Remove(target)
	}
	file, err := os.OpenFile(target, os.O_CREATE|os.O_RDONLY, 0o644)
	if err != nil {
		return err
	}
	return file.Close()
}

// remountReadOnly keeps the mount's other flags: in a user namespace they may not be taken away.
func remountReadOnly(target string) error {
	var fs unix.Statfs_t
	if err := unix.Statfs(target, &fs); err != nil {
		return fmt.Errorf("%s: %w", target, err)
	}
	kept := uintptr(fs.Flags) & (unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC | unix.MS_NOATIME | unix.MS_RELATIME)
	if err := unix.Mount("", target, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY|kept, ""); err != nil {
		return fmt.Errorf("read only %s: %w", target, err)
	}
	return nil
}
