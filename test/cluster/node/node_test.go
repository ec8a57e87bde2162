package node

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"yett.dev/cluster/sandbox"
)

// Owners and extended attributes are root's to give: these tests are root of a sandbox.
func TestMain(m *testing.M) { sandbox.Main(m.Run) }

func TestExpand(t *testing.T) {
	e := &environment{values: map[string]string{}}
	e.set("A", "1")
	e.set("B", "$(A)")
	for text, want := range map[string]string{
		"":             "",
		"plain":        "plain",
		"$(A)":         "1",
		"x$(A)y$(A)z":  "x1y1z",
		"$(B)":         "$(A)", // once only
		"$(NONE)":      "$(NONE)",
		"$$(A)":        "$(A)",
		"$$$(A)":       "$1",
		"$A":           "$A",
		"$":            "$",
		"$(":           "$(",
		"$(A":          "$(A",
		"cost: 5$ $$x": "cost: 5$ $x",
	} {
		if got := e.expand(text); got != want {
			t.Errorf("%q becomes %q; must be %q", text, got, want)
		}
	}
}

func TestBackOff(t *testing.T) {
	b := newBackOff(10 * time.Second)
	var got []time.Duration
	for range 8 {
		got = append(got, b.next(time.Second)/time.Second)
	}
	// After the kubelet's: at once, then from 10 s doubled up to five minutes.
	if want := []time.Duration{0, 10, 20, 40, 80, 160, 300, 300}; !slices.Equal(got, want) {
		t.Errorf("%v; must be %v", got, want)
	}
	if pause := b.next(11 * time.Minute); pause != 0 {
		t.Errorf("after a long life: %v", pause)
	}
}

func TestWriteAtomically(t *testing.T) {
	dir := t.TempDir()
	group := int64(2000)
	write := func(files map[string]file) string {
		t.Helper()
		if err := writeAtomically(dir, files, &group); err != nil {
			t.Fatal(err)
		}
		state, err := os.Readlink(filepath.Join(dir, "..data"))
		if err != nil {
			t.Fatal(err)
		}
		return state
	}
	plain := func(text string) file { return file{[]byte(text), 0o600, -1} }
	first := write(map[string]file{"a": plain("1"), "deep/er/b": plain("2"), "deep/c": {[]byte("3"), 0o600, 1234}})
	for name, want := range map[string]string{"a": "1", "deep/er/b": "2", "deep/c": "3"} {
		if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	var stat unix.Stat_t
	if err := unix.Stat(filepath.Join(dir, "deep/c"), &stat); err != nil || stat.Uid != 1234 || stat.Gid != 2000 || stat.Mode&0o777 != 0o640 {
		t.Errorf("%d:%d %o, %v", stat.Uid, stat.Gid, stat.Mode, err)
	}
	if again := write(map[string]file{"a": plain("1"), "deep/er/b": plain("2"), "deep/c": {[]byte("3"), 0o600, 1234}}); again != first {
		t.Error("the same content was written again")
	}
	if next := write(map[string]file{"a": plain("new")}); next == first {
		t.Error("other content is in the same state")
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	if len(names) != 3 || !slices.Contains(names, "a") || !slices.Contains(names, "..data") {
		t.Errorf("left are %v", names)
	}
}

// entry of a layer.
type entry struct {
	tar.Header
	content string
}

// layout writes an image in OCI layout with these layers.
func layout(t *testing.T, config string, layers ...[]entry) string {
	t.Helper()
	dir := t.TempDir()
	write := func(name string, content []byte) map[string]string {
		t.Helper()
		path := filepath.Join(dir, "blobs", "sha256", name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, content, 0o644); err != nil {
			t.Fatal(err)
		}
		return map[string]string{"digest": "sha256:" + name}
	}
	var blobs []any
	for i, layer := range layers {
		var text bytes.Buffer
		packed := gzip.NewWriter(&text)
		archive := tar.NewWriter(packed)
		for _, e := range layer {
			e.Size = int64(len(e.content))
			if err := archive.WriteHeader(&e.Header); err != nil {
				t.Fatal(err)
			}
			archive.Write([]byte(e.content))
		}
		archive.Close()
		packed.Close()
		blobs = append(blobs, write("layer"+string(rune('0'+i)), text.Bytes()))
	}
	manifest, _ := json.Marshal(map[string]any{"config": write("config", []byte(config)), "layers": blobs})
	index, _ := json.Marshal(map[string]any{"manifests": []any{write("manifest", manifest)}})
	if err := os.WriteFile(filepath.Join(dir, "index.json"), index, 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestUnpack(t *testing.T) {
	capability := "\x01\x00\x00\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00" // cap_net_bind_service+ep
	oci := layout(t, `{"config":{"User":"nobody","Env":["A=1"],"Entrypoint":["/bin/it"],"Cmd":["run"],"WorkingDir":"/w"}}`,
		[]entry{
			{tar.Header{Name: "etc/", Typeflag: tar.TypeDir, Mode: 0o750}, ""},
			{tar.Header{Name: "etc/passwd", Typeflag: tar.TypeReg, Mode: 0o644}, "root:x:0:0::/:\nnobody:x:65534:65533::/:\n"},
			{tar.Header{Name: "bin/it", Typeflag: tar.TypeReg, Mode: 0o755, Uid: 7, Gid: 8,
				PAXRecords: map[string]string{"SCHILY.xattr.security.capability": capability}}, "program"},
			{tar.Header{Name: "bin/link", Typeflag: tar.TypeLink, Linkname: "bin/it"}, ""},
			{tar.Header{Name: "sbin", Typeflag: tar.TypeSymlink, Linkname: "bin"}, ""},
			{tar.Header{Name: "gone/file", Typeflag: tar.TypeReg, Mode: 0o644}, "x"},
			{tar.Header{Name: "../../outside", Typeflag: tar.TypeReg, Mode: 0o644}, "within"},
		},
		[]entry{{tar.Header{Name: ".wh.gone", Typeflag: tar.TypeReg}, ""}})
	i := &image{OCI: oci, Cmd: []string{"mine"}}
	if err := i.unpack(t.TempDir()); err != nil {
		t.Fatal(err)
	}
	if i.User != "nobody" || i.WorkingDir != "/w" || !slices.Equal(i.Entrypoint, []string{"/bin/it"}) || !slices.Equal(i.Cmd, []string{"mine"}) {
		t.Errorf("%+v", i)
	}
	var stat unix.Stat_t
	path := filepath.Join(i.Rootfs, "sbin/it")
	if err := unix.Stat(path, &stat); err != nil || stat.Uid != 7 || stat.Gid != 8 || stat.Nlink != 2 || stat.Mode&0o777 != 0o755 {
		t.Errorf("%+v, %v", stat, err)
	}
	attribute := make([]byte, 64)
	if n, err := unix.Lgetxattr(path, "security.capability", attribute); err != nil || string(attribute[:n]) != capability {
		t.Errorf("%q, %v", attribute, err)
	}
	if _, err := os.Stat(filepath.Join(i.Rootfs, "gone")); err == nil {
		t.Error("what the second layer took away is there")
	}
	if _, err := os.Stat(filepath.Join(i.Rootfs, "outside")); err != nil {
		t.Errorf("a name that leads out must stay within: %v", err)
	}
	user, err := i.user()
	if err != nil || user != (imageUser{65534, 65533, true}) {
		t.Errorf("%+v, %v", user, err)
	}
}

func TestImagesSayWhatIsWrong(t *testing.T) {
	for text, want := range map[string]string{
		`{"a": {"program": "/no/such/program"}}`: "/no/such/program",
		`{"a": {"oci": "/no/such/layout"}}`:      "/no/such/layout",
		`{"a": {}}`:                              "none of oci, rootfs and program",
		`{"a": {"prog": "/bin/sh"}}`:             `"prog"`,
		`{"b": {"program": "/bin/sh"}}`:          `image "a" is not on this node`,
		`{`:                                      "unexpected EOF",
	} {
		path := filepath.Join(t.TempDir(), "images.json")
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		images, err := readImages(path)
		if err == nil {
			_, err = images.find("a", t.TempDir())
		}
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v; must speak of %s and %s", text, err, want, path)
		}
	}
}

func TestLogLines(t *testing.T) {
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("x", 20<<10)
	go func() {
		writer.WriteString("one\n\n" + long + "\nlast")
		writer.Close()
	}()
	var log bytes.Buffer
	copyLines(&log, reader, "stdout")
	path := filepath.Join(t.TempDir(), "log")
	if err := os.WriteFile(path, log.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	if got, want := string(lastLines(path, 100)), "one\n\n"+long+"\nlast\n"; got != want {
		t.Errorf("%d bytes; must be %d", len(got), len(want))
	}
	if got := string(lastLines(path, 1)); got != "last\n" {
		t.Errorf("the last line is %q", got)
	}
}
