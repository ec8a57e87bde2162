package node

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// The names by which programs that watch a volume know it: a directory for each state, a link to the newest, and a
// link through that for each entry. All files change in the one moment in which the link is exchanged.
const (
	dataLink    = "..data"
	newDataLink = "..data_tmp"
)

// writeAtomically makes `dir` hold `files`, given to `group` where there is one.
func writeAtomically(dir string, files map[string]file, group *int64) error {
	old, _ := os.Readlink(filepath.Join(dir, dataLink))
	if old != "" && holds(filepath.Join(dir, old), files) {
		return nil
	}
	state, err := os.MkdirTemp(dir, "..state_")
	if err != nil {
		return err
	}
	if err := errors.Join(os.Chmod(state, 0o755), fill(state, files, group)); err != nil {
		os.RemoveAll(state)
		return err
	}
	os.Remove(filepath.Join(dir, newDataLink))
	if err := os.Symlink(filepath.Base(state), filepath.Join(dir, newDataLink)); err != nil {
		return err
	}
	if err := os.Rename(filepath.Join(dir, newDataLink), filepath.Join(dir, dataLink)); err != nil {
		return err
	}
	if err := linkEntries(dir, files); err != nil || old == "" {
		return err
	}
	return os.RemoveAll(filepath.Join(dir, old))
}

// holds compares with what is there: contents and modes.
func holds(state string, files map[string]file) bool {
	found := 0
	err := filepath.Walk(state, func(path string, info os.FileInfo, err error) error {
		if err != nil || info.IsDir() {
			return err
		}
		name, _ := filepath.Rel(state, path)
		want, ok := files[name]
		text, err := os.ReadFile(path)
		if !ok || err != nil || !bytes.Equal(text, want.data) || want.uid >= 0 && owner(info) != want.uid {
			return errors.New("differs")
		}
		found++
		return nil
	})
	return err == nil && found == len(files)
}

func owner(info os.FileInfo) int { return int(info.Sys().(*syscall.Stat_t).Uid) }

func fill(state string, files map[string]file, group *int64) error {
	gid := -1
	if group != nil {
		gid = int(*group)
	}
	for name, f := range files {
		path := filepath.Join(state, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		mode := f.mode
		if group != nil {
			mode |= 0o440
		}
		if err := os.WriteFile(path, f.data, mode); err != nil {
			return err
		}
		if err := errors.Join(os.Chown(path, f.uid, gid), os.Chmod(path, mode)); err != nil {
			return err
		}
	}
	return nil
}

// linkEntries makes a link for each first part of a path, and takes away those of entries that are no more.
func linkEntries(dir string, files map[string]file) error {
	wanted := map[string]bool{}
	for name := range files {
		entry, _, _ := strings.Cut(name, "/")
		wanted[entry] = true
		err := os.Symlink(filepath.Join(dataLink, entry), filepath.Join(dir, entry))
		if err != nil && !errors.Is(err, os.ErrExist) {
			return err
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if !wanted[entry.Name()] && !strings.HasPrefix(entry.Name(), "..") {
			os.Remove(filepath.Join(dir, entry.Name()))
		}
	}
	return nil
}
