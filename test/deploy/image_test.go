package deploy

import (
	"archive/tar"
	"debug/elf"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/validate"
	"golang.org/x/sys/unix"

	"yett.dev/deploy/container"
)

func TestMain(m *testing.M) {
	container.InitIfAsked()
	os.Exit(m.Run())
}

const (
	imageBytesMax     = 25 << 20
	capabilityRecord  = "SCHILY.xattr.security.capability"
	capabilityBytes   = "\x00\x00\x00\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00" // cap_net_bind_service=p
	repositoryFromTop = "../.."
)

// imageDir is where `make image` has put the image.
func imageDir() string {
	if dir := os.Getenv("YETT_IMAGE_DIR"); dir != "" {
		return dir
	}
	return filepath.Join(repositoryFromTop, "build")
}

func openImage(t *testing.T) v1.Image {
	t.Helper()
	index, err := layout.ImageIndexFromPath(filepath.Join(imageDir(), "image"))
	if err != nil {
		t.Fatalf("%v; 'make image' makes it", err)
	}
	if err := validate.Index(index); err != nil {
		t.Fatal(err)
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	if len(manifest.Manifests) != 1 {
		t.Fatalf("the index has %d images", len(manifest.Manifests))
	}
	image, err := index.Image(manifest.Manifests[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	return image
}

// eachMember calls `visit` with all that the layers hold, in order.
func eachMember(t *testing.T, image v1.Image, visit func(header *tar.Header, content io.Reader)) {
	t.Helper()
	layers, err := image.Layers()
	if err != nil {
		t.Fatal(err)
	}
	for _, layer := range layers {
		reader, err := layer.Uncompressed()
		if err != nil {
			t.Fatal(err)
		}
		archive := tar.NewReader(reader)
		for {
			header, err := archive.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			visit(header, archive)
		}
		reader.Close()
	}
}

// unpack lays the image's files out in a folder of the test's own, as a runtime would.
func unpack(t *testing.T, image v1.Image) string {
	t.Helper()
	root := t.TempDir()
	if err := os.Chmod(root, 0o755); err != nil {
		t.Fatal(err)
	}
	eachMember(t, image, func(header *tar.Header, content io.Reader) {
		at := filepath.Join(root, filepath.Clean("/"+header.Name))
		mode := os.FileMode(header.Mode).Perm()
		var err error
		switch header.Typeflag {
		case tar.TypeDir:
			err = os.MkdirAll(at, mode)
		case tar.TypeSymlink:
			err = os.Symlink(header.Linkname, at)
		case tar.TypeReg:
			var file *os.File
			if file, err = os.OpenFile(at, os.O_CREATE|os.O_WRONLY|os.O_EXCL, mode); err == nil {
				_, err = io.Copy(file, content)
				err = errors.Join(err, file.Close())
			}
		default:
			t.Fatalf("%s is of type %q", header.Name, header.Typeflag)
		}
		if value := header.PAXRecords[capabilityRecord]; err == nil && value != "" && os.Getuid() == 0 {
			err = unix.Lsetxattr(at, "security.capability", []byte(value), 0)
		}
		if err != nil {
			t.Fatal(err)
		}
	})
	return root
}

func productVersion(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(repositoryFromTop, "meson.build"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "version: '")
	version, _, found := strings.Cut(rest, "'")
	if !found {
		t.Fatal("meson.build names no version")
	}
	return version
}

// The archive holds the very image of the layout, in both ways that programs read such archives.
func TestImageArchive(t *testing.T) {
	image := openImage(t)
	wanted, err := image.ConfigName()
	if err != nil {
		t.Fatal(err)
	}
	archived, err := tarball.ImageFromPath(filepath.Join(imageDir(), "image.tar"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Image(archived); err != nil {
		t.Error(err)
	}
	if got, err := archived.ConfigName(); err != nil || got != wanted {
		t.Errorf("manifest.json leads to %v, %v; the layout to %v", got, err, wanted)
	}
	dir := t.TempDir()
	if output, err := exec.Command("tar", "-C", dir, "-xf", filepath.Join(imageDir(), "image.tar")).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	index, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Index(index); err != nil {
		t.Error(err)
	}
}

func TestImageConfig(t *testing.T) {
	image := openImage(t)
	file, err := image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	config := file.Config
	for what, pair := range map[string][2]string{
		"user":       {config.User, "65532:65532"},
		"entrypoint": {strings.Join(config.Entrypoint, " "), "/usr/bin/yett"},
		"arguments":  {strings.Join(config.Cmd, " "), "run"},
		"system":     {file.OS, "linux"},
		"version":    {config.Labels["org.opencontainers.image.version"], productVersion(t)},
		"licence":    {config.Labels["org.opencontainers.image.licenses"], "Apache-2.0"},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s: %q, not %q", what, pair[0], pair[1])
		}
	}
	for _, port := range []string{"80/tcp", "443/tcp", "10254/tcp"} {
		if _, found := config.ExposedPorts[port]; !found {
			t.Errorf("port %s is not exposed", port)
		}
	}
}

func TestImageSize(t *testing.T) {
	manifest, err := openImage(t).Manifest()
	if err != nil {
		t.Fatal(err)
	}
	bytes := manifest.Config.Size
	for _, layer := range manifest.Layers {
		bytes += layer.Size
	}
	t.Logf("%d bytes, compressed", bytes)
	if bytes > imageBytesMax {
		t.Errorf("%d bytes are more than %d", bytes, imageBytesMax)
	}
}

// Everything is root's and nobody else's to change; one file has one capability; nothing runs but the program.
func TestImageFiles(t *testing.T) {
	programs := map[string]bool{}
	eachMember(t, openImage(t), func(header *tar.Header, content io.Reader) {
		if header.Uid != 0 || header.Gid != 0 {
			t.Errorf("%s belongs to %d:%d", header.Name, header.Uid, header.Gid)
		}
		if header.Typeflag != tar.TypeSymlink && header.Mode&^0o755 != 0 {
			t.Errorf("%s has the mode %o", header.Name, header.Mode)
		}
		value, found := header.PAXRecords[capabilityRecord]
		if found != (header.Name == "usr/bin/yett") || found && value != capabilityBytes {
			t.Errorf("%s has the capability %q", header.Name, value)
		}
		if header.Typeflag == tar.TypeReg && header.Mode&0o111 != 0 && !strings.HasPrefix(header.Name, "lib") {
			programs[header.Name] = true
		}
	})
	if len(programs) != 1 || !programs["usr/bin/yett"] {
		t.Errorf("the image can run %v", programs)
	}
}

func TestImageProgramIsStripped(t *testing.T) {
	file, err := elf.Open(filepath.Join(unpack(t, openImage(t)), "usr/bin/yett"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for _, section := range file.Sections {
		if section.Name == ".symtab" || strings.HasPrefix(section.Name, ".debug") {
			t.Errorf("it has a section %s", section.Name)
		}
	}
}

// A second build, in a folder of another name, makes the same bytes.
func TestImageIsReproducible(t *testing.T) {
	if _, err := os.Stat(filepath.Join(repositoryFromTop, ".git")); err != nil {
		t.Skip("this is no git checkout, whose files and time a second build could have")
	}
	wanted, err := openImage(t).Digest()
	if err != nil {
		t.Fatal(err)
	}
	clone := filepath.Join(t.TempDir(), "another", "place")
	script := `mkdir -p "$1" && cd "$0" && git ls-files -z | xargs -0 cp --parents -t "$1" && cp -R .git "$1/.git" &&
		cd "$1" && export GIT_OPTIONAL_LOCKS=0 && make build && tools/image.sh build/yett build yett`
	repository, err := filepath.Abs(repositoryFromTop)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("sh", "-c", script, repository, clone)
	if output, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	index, err := layout.ImageIndexFromPath(filepath.Join(clone, "build", "image"))
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	if got := manifest.Manifests[0].Digest; got != wanted {
		t.Errorf("%v there, %v here", got, wanted)
	}
}
