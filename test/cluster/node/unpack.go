package node

import (
	"archive/tar"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// What is needed of the OCI image layout, image specification v1.1: index → manifest → configuration and layers.
type (
	descriptor struct {
		Digest   string `json:"digest"`
		Platform *struct {
			Architecture string `json:"architecture"`
		} `json:"platform"`
	}
	index    struct{ Manifests []descriptor }
	manifest struct {
		Config descriptor
		Layers []descriptor
	}
	configuration struct {
		Config struct {
			User, WorkingDir     string
			Env, Entrypoint, Cmd []string
		} `json:"config"`
	}
)

var unpacking sync.Mutex

// unpack makes the image a directory, once for each content, and takes its configuration where the file of images
// does not say otherwise.
func (i *image) unpack(base string) error {
	var index index
	if err := readJSON(filepath.Join(i.OCI, "index.json"), &index); err != nil {
		return err
	}
	if len(index.Manifests) != 1 {
		return fmt.Errorf("%s: index.json has %d manifests; one is expected", i.OCI, len(index.Manifests))
	}
	var manifest manifest
	if err := readJSON(i.blob(index.Manifests[0]), &manifest); err != nil {
		return err
	}
	var config configuration
	if err := readJSON(i.blob(manifest.Config), &config); err != nil {
		return err
	}
	i.takeDefaults(config)
	i.Rootfs = filepath.Join(base, strings.ReplaceAll(index.Manifests[0].Digest, ":", "-"))

	unpacking.Lock()
	defer unpacking.Unlock()
	if _, err := os.Stat(i.Rootfs); err == nil {
		return nil
	}
	part := i.Rootfs + ".part"
	if err := errors.Join(os.RemoveAll(part), os.MkdirAll(part, 0o755)); err != nil {
		return err
	}
	for _, layer := range manifest.Layers {
		if err := unpackLayer(i.blob(layer), part); err != nil {
			return fmt.Errorf("layer %s: %w", layer.Digest, err)
		}
	}
	return os.Rename(part, i.Rootfs)
}

func (i *image) takeDefaults(config configuration) {
	c := config.Config
	if i.Entrypoint == nil {
		i.Entrypoint = c.Entrypoint
	}
	if i.Cmd == nil {
		i.Cmd = c.Cmd
	}
	if i.User == "" {
		i.User = c.User
	}
	if i.WorkingDir == "" {
		i.WorkingDir = c.WorkingDir
	}
	i.Env = append(c.Env, i.Env...)
}

func (i *image) blob(d descriptor) string {
	return filepath.Join(i.OCI, "blobs", strings.ReplaceAll(d.Digest, ":", "/"))
}

func readJSON(path string, into any) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

func unpackLayer(path, root string) error {
	archive, err := os.Open(path)
	if err != nil {
		return err
	}
	defer archive.Close()
	var stream io.Reader = archive
	if plain, err := gzip.NewReader(archive); err == nil {
		stream = plain
	} else if _, err := archive.Seek(0, io.SeekStart); err != nil {
		return err
	}
	for reader := tar.NewReader(stream); ; {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := unpackEntry(root, header, reader); err != nil {
			return fmt.Errorf("%s: %w", header.Name, err)
		}
	}
}

// A file of this name says that lower layers' entry is gone.
const whiteout = ".wh."

func unpackEntry(root string, header *tar.Header, content io.Reader) error {
	path := filepath.Join(root, filepath.Clean("/"+header.Name))
	if gone, ok := strings.CutPrefix(filepath.Base(path), whiteout); ok {
		return os.RemoveAll(filepath.Join(filepath.Dir(path), gone))
	}
	if path == root {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	switch header.Typeflag {
	case tar.TypeDir:
		if err := os.MkdirAll(path, 0o755); err != nil {
			return err
		}
	case tar.TypeReg:
		os.Remove(path)
		if err := writeFile(path, content); err != nil {
			return err
		}
	case tar.TypeSymlink:
		os.Remove(path)
		return errors.Join(os.Symlink(header.Linkname, path), os.Lchown(path, header.Uid, header.Gid))
	case tar.TypeLink:
		os.Remove(path)
		return os.Link(filepath.Join(root, filepath.Clean("/"+header.Linkname)), path)
	default:
		return fmt.Errorf("type %q of entry is not supported", header.Typeflag)
	}
	return setAttributes(path, header)
}

func writeFile(path string, content io.Reader) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = io.Copy(file, content)
	return errors.Join(err, file.Close())
}

// setAttributes sets owner, mode and extended attributes (file capabilities), in the order in which none undoes another.
func setAttributes(path string, header *tar.Header) error {
	if err := os.Chown(path, header.Uid, header.Gid); err != nil {
		return err
	}
	if err := os.Chmod(path, header.FileInfo().Mode()); err != nil {
		return err
	}
	for key, value := range header.PAXRecords {
		if name, ok := strings.CutPrefix(key, "SCHILY.xattr."); ok {
			if err := unix.Lsetxattr(path, name, []byte(value), 0); err != nil {
				return fmt.Errorf("attribute %s: %w", name, err)
			}
		}
	}
	return nil
}
