// Package render makes the objects that deploy/ installs, as `helm template` and `kubectl kustomize` would.
package render

import (
	"bytes"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/common/util"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/engine"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

// Release is what a person says to Helm.
type Release struct {
	Chart     string // its folder
	Name      string
	Namespace string
	Values    string // YAML
}

// Helm returns the objects, as YAML documents, and the notes.
func Helm(release Release) (objects []byte, notes string, err error) {
	chart, err := loader.Load(release.Chart)
	if err != nil {
		return nil, "", err
	}
	values := map[string]any{}
	if err := yaml.Unmarshal([]byte(release.Values), &values); err != nil {
		return nil, "", fmt.Errorf("values: %w", err)
	}
	options := common.ReleaseOptions{Name: release.Name, Namespace: release.Namespace, IsInstall: true, Revision: 1}
	rendered, err := util.ToRenderValues(chart, values, options, common.DefaultCapabilities)
	if err != nil {
		return nil, "", err
	}
	files, err := engine.Render(chart, rendered)
	if err != nil {
		return nil, "", err
	}
	var all bytes.Buffer
	for _, path := range slices.Sorted(maps.Keys(files)) {
		switch {
		case filepath.Base(path) == "NOTES.txt":
			notes = files[path]
		case filepath.Ext(path) == ".yaml" && strings.TrimSpace(files[path]) != "":
			fmt.Fprintf(&all, "---\n%s\n", files[path])
		}
	}
	return all.Bytes(), notes, nil
}

// Kustomize returns the objects of a kustomization, as YAML documents.
func Kustomize(dir string) ([]byte, error) {
	objects, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), dir)
	if err != nil {
		return nil, err
	}
	return objects.AsYaml()
}
