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
	merged, parts, err := r.overlay()
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
	if !r.ReadOnly {
		return nil
	}
	for _, part := range append(parts, "/") {
		if err := remountReadOnly(part); err != nil {
			return err
		}
	}
	return nil
}

// overlay lays memory over the lower directory, and returns where that is and what else must become read only with it.
// The memory is a file system of its own because the kernel refuses an upper directory below its lower one, which may
// be "/".
func (r Root) overlay() (merged string, parts []string, err error) {
	if err := unix.Mount("scratch", r.Scratch, "tmpfs", 0, "mode=755"); err != nil {
		return "", nil, fmt.Errorf("scratch: %w", err)
	}
	for _, name := range []string{"upper", "work", "merged"} {
		if err := os.Mkdir(filepath.Join(r.Scratch, name), 0o755); err != nil {
			return "", nil, err
		}
	}
	err = r.lay("")
	if errors.Is(err, unix.EINVAL) {
		parts, err = r.overlayEntries()
	}
	return filepath.Join(r.Scratch, "merged"), parts, err
}

// overlayEntries lays memory over each entry of the lower directory. In a user namespace, a directory below which others
// have mounted something cannot be a lower one; "/" is one, but /usr, /etc and the like are not. An entry that is one
// stays empty.
func (r Root) overlayEntries() (parts []string, err error) {
	merged, work := filepath.Join(r.Scratch, "merged"), filepath.Join(r.Scratch, "work")
	if err := unix.Mount(merged, merged, "", unix.MS_BIND, ""); err != nil {
		return nil, fmt.Errorf("root of entries: %w", err)
	}
	// The overlay that was refused has left something.
	if err := errors.Join(os.RemoveAll(work), os.Mkdir(work, 0o755)); err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(r.Lower)
	if err != nil {
		return nil, err
	}
	for _, entry := range entries {
		switch {
		case entry.Type() == os.ModeSymlink:
			target, err := os.Readlink(filepath.Join(r.Lower, entry.Name()))
			if err != nil {
				return nil, err
			}
			if err := os.Symlink(target, filepath.Join(merged, entry.Name())); err != nil {
				return nil, err
			}
		case entry.IsDir():
			isPart, err := r.overlayEntry(entry)
			if err != nil {
				return nil, err
			}
			if isPart {
				parts = append(parts, "/"+entry.Name())
			}
		}
	}
	return parts, nil
}

func (r Root) overlayEntry(entry os.DirEntry) (isPart bool, err error) {
	info, err := entry.Info()
	if err != nil {
		return false, err
	}
	for _, name := range []string{"upper", "work", "merged"} {
		path := filepath.Join(r.Scratch, name, entry.Name())
		if err := errors.Join(os.Mkdir(path, 0o755), os.Chmod(path, info.Mode())); err != nil {
			return false, err
		}
	}
	err = r.lay(entry.Name())
	if errors.Is(err, unix.EINVAL) {
		return false, nil
	}
	return err == nil, err
}

// lay mounts the overlay of the lower directory, or of an entry of it.
func (r Root) lay(entry string) error {
	quoted := strings.NewReplacer(`\`, `\\`, `,`, `\,`, `:`, `\:`)
	place := func(of string) string { return filepath.Join(r.Scratch, of, entry) }
	options := fmt.Sprintf("lowerdir=%s,upperdir=%s,workdir=%s", quoted.Replace(filepath.Join(r.Lower, entry)),
		quoted.Replace(place("upper")), quoted.Replace(place("work")))
	if err := unix.Mount("overlay", place("merged"), "overlay", 0, options); err != nil {
		return fmt.Errorf("overlay on %s: %w", filepath.Join(r.Lower, entry), err)
	}
	return nil
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
