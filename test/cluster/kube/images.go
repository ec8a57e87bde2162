package kube

import (
	"encoding/json"
	"os"
	"path/filepath"
)

// image is one of package node's images: a program of this machine.
type image struct {
	Program    string   `json:"program"`
	Entrypoint []string `json:"entrypoint,omitempty"`
	User       string   `json:"user,omitempty"`
}

// images writes the file that tells nodes what images are.
func (c *Cluster) images() (string, error) {
	// The user is that of yett's own image.
	gate := image{Program: c.Options.Gate, User: "65532:65532"}
	text, err := json.MarshalIndent(map[string]image{
		"yett":     gate,
		"programs": {Program: filepath.Join(filepath.Dir(c.Options.Binary), "programs")}, // package programs
		"machine":  {Program: "/bin/sh"},                                                 // the programs of this machine
	}, "", "  ")
	if err != nil {
		return "", err
	}
	path := filepath.Join(c.Options.Dir, "images.json")
	return path, os.WriteFile(path, text, 0o644)
}
