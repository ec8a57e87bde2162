package gate

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Dir is a directory of manifests.
type Dir struct {
	Path string
	t    testing.TB
}

// NewDir makes an empty one that ends with the test.
func NewDir(t testing.TB) *Dir {
	t.Helper()
	return &Dir{Path: t.TempDir(), t: t}
}

// Write replaces a file by an atomic rename, making its folder where it is missing. `name` may have folders.
func (d *Dir) Write(name string, objects ...Object) {
	d.t.Helper()
	d.WriteText(name, YAML(objects...))
}

// WriteText is Write with bytes of the test's own.
func (d *Dir) WriteText(name, text string) {
	d.t.Helper()
	path := filepath.Join(d.Path, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		d.t.Fatal(err)
	}
	temporary := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".tmp")
	if err := os.WriteFile(temporary, []byte(text), 0o644); err != nil {
		d.t.Fatal(err)
	}
	if err := os.Rename(temporary, path); err != nil {
		d.t.Fatal(err)
	}
}

// EditText writes a file in place: truncated, written, closed.
func (d *Dir) EditText(name, text string) {
	d.t.Helper()
	if err := os.WriteFile(filepath.Join(d.Path, name), []byte(text), 0o644); err != nil {
		d.t.Fatal(err)
	}
}

// Remove deletes a file or a folder.
func (d *Dir) Remove(name string) {
	d.t.Helper()
	if err := os.RemoveAll(filepath.Join(d.Path, name)); err != nil {
		d.t.Fatal(err)
	}
}

// YAML is the documents of one file.
func YAML(objects ...Object) string {
	var text strings.Builder
	for i, object := range objects {
		if i > 0 {
			text.WriteString("---\n")
		}
		text.WriteString(object.YAML())
	}
	return text.String()
}
