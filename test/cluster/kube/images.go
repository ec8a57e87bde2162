package kube

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// image is one of package node's images.
type image struct {
	OCI        string   `json:"oci,omitempty"`
	Program    string   `json:"program,omitempty"`
	Entrypoint []string `json:"entrypoint,omitempty"`
	User       string   `json:"user,omitempty"`
}

// images writes the file that tells nodes what images are: that of `make image`, by its own name, which deploy/
// installs; "yett", which is the program in a root that has a shell and the like beside it; "programs", those of package
// programs; and "machine", which has what this machine has.
func (c *Cluster) images() (string, error) {
	all := map[string]image{
		"yett":     {Program: c.Options.Gate, User: "65532:65532"}, // the user of the image
		"programs": {Program: filepath.Join(filepath.Dir(c.Options.Binary), "programs")},
		"machine":  {Program: "/bin/sh"},
	}
	if c.Options.imageMissing == nil {
		name, err := imageName(c.Options.Image)
		if err != nil {
			return "", fmt.Errorf("%w; 'make image' makes it", err)
		}
		all[name] = image{OCI: c.Options.Image}
	}
	text, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return "", err
	}
	path := filepath.Join(c.Options.Dir, "images.json")
	return path, os.WriteFile(path, text, 0o644)
}

// imageName is the name that an OCI layout gives its image, as a Pod writes it.
func imageName(layout string) (string, error) {
	text, err := os.ReadFile(filepath.Join(layout, "index.json"))
	if err != nil {
		return "", err
	}
	var index struct {
		Manifests []struct{ Annotations map[string]string }
	}
	if err := json.Unmarshal(text, &index); err != nil {
		return "", fmt.Errorf("%s: %w", layout, err)
	}
	for _, manifest := range index.Manifests {
		if name := manifest.Annotations["io.containerd.image.name"]; name != "" {
			return strings.TrimPrefix(name, "docker.io/library/"), nil
		}
	}
	return "", fmt.Errorf("%s: its image has no name", layout)
}
