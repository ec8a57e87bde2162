package node

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"

	v1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"
)

// file is one of a volume that shows objects of the API.
type file struct {
	data []byte
	mode os.FileMode
	uid  int // -1: the node's
}

// content is what a volume of this kind should hold now, by path.
func (v *volumes) content(ctx context.Context, volume v1.Volume) (map[string]file, error) {
	switch {
	case volume.ConfigMap != nil:
		s := volume.ConfigMap
		return v.configMap(ctx, s.Name, s.Items, modeOf(s.DefaultMode), ptr.Deref(s.Optional, false))
	case volume.Secret != nil:
		s := volume.Secret
		return v.secret(ctx, s.SecretName, s.Items, modeOf(s.DefaultMode), ptr.Deref(s.Optional, false))
	case volume.DownwardAPI != nil:
		return v.downward(volume.DownwardAPI.Items, modeOf(volume.DownwardAPI.DefaultMode))
	case volume.Projected != nil:
		return v.projected(ctx, volume.Projected)
	case volume.HostPath != nil:
		return nil, errors.New("hostPath: this node keeps its files to itself; use emptyDir, configMap, secret or projected")
	}
	return nil, errors.New("this node has only emptyDir, configMap, secret, downwardAPI and projected volumes")
}

func modeOf(mode *int32) os.FileMode { return os.FileMode(ptr.Deref(mode, 0o644)) }

func (v *volumes) projected(ctx context.Context, source *v1.ProjectedVolumeSource) (map[string]file, error) {
	files := map[string]file{}
	mode := modeOf(source.DefaultMode)
	for _, s := range source.Sources {
		var part map[string]file
		var err error
		switch {
		case s.ServiceAccountToken != nil:
			part, err = v.tokenFile(ctx, s.ServiceAccountToken, mode)
		case s.ConfigMap != nil:
			part, err = v.configMap(ctx, s.ConfigMap.Name, s.ConfigMap.Items, mode, ptr.Deref(s.ConfigMap.Optional, false))
		case s.Secret != nil:
			part, err = v.secret(ctx, s.Secret.Name, s.Secret.Items, mode, ptr.Deref(s.Secret.Optional, false))
		case s.DownwardAPI != nil:
			part, err = v.downward(s.DownwardAPI.Items, mode)
		default:
			err = errors.New("a projected source that this node does not know")
		}
		if err != nil {
			return nil, err
		}
		maps.Copy(files, part)
	}
	return files, nil
}

func (v *volumes) configMap(ctx context.Context, name string, items []v1.KeyToPath, mode os.FileMode, optional bool) (map[string]file, error) {
	object, err := v.objects.configMap(ctx, v.pod.key.Namespace, name)
	if err != nil {
		return nil, err
	}
	if object == nil {
		if optional {
			return nil, nil
		}
		return nil, fmt.Errorf("configmap %q not found", name)
	}
	data := map[string][]byte{}
	for key, value := range object.Data {
		data[key] = []byte(value)
	}
	maps.Copy(data, object.BinaryData)
	return pick(data, items, mode, optional)
}

func (v *volumes) secret(ctx context.Context, name string, items []v1.KeyToPath, mode os.FileMode, optional bool) (map[string]file, error) {
	object, err := v.objects.secret(ctx, v.pod.key.Namespace, name)
	if err != nil {
		return nil, err
	}
	if object == nil {
		if optional {
			return nil, nil
		}
		return nil, fmt.Errorf("secret %q not found", name)
	}
	return pick(object.Data, items, mode, optional)
}

// pick takes all keys, or the items that are asked for.
func pick(data map[string][]byte, items []v1.KeyToPath, mode os.FileMode, optional bool) (map[string]file, error) {
	files := map[string]file{}
	if len(items) == 0 {
		for key, value := range data {
			files[key] = file{value, mode, -1}
		}
	}
	for _, item := range items {
		value, found := data[item.Key]
		if !found {
			if optional {
				continue
			}
			return nil, fmt.Errorf("references non-existent key: %s", item.Key)
		}
		files[item.Path] = file{value, os.FileMode(ptr.Deref(item.Mode, int32(mode))), -1}
	}
	return files, nil
}

func (v *volumes) downward(items []v1.DownwardAPIVolumeFile, mode os.FileMode) (map[string]file, error) {
	files := map[string]file{}
	for _, item := range items {
		var value string
		var err error
		if item.FieldRef != nil {
			value, err = v.pod.field(item.FieldRef.FieldPath)
		} else {
			value, err = v.pod.resource(item.ResourceFieldRef, "")
		}
		if err != nil {
			return nil, err
		}
		files[item.Path] = file{[]byte(value), os.FileMode(ptr.Deref(item.Mode, int32(mode))), -1}
	}
	return files, nil
}

// tokenFile is for the Pod's user alone where all containers have the same, or for its fsGroup; else for everyone in
// the Pod, as in the kubelet.
func (v *volumes) tokenFile(ctx context.Context, projection *v1.ServiceAccountTokenProjection, mode os.FileMode) (map[string]file, error) {
	token, err := v.tokens.get(ctx, projection)
	if err != nil {
		return nil, err
	}
	f := file{[]byte(token), mode, -1}
	user := v.pod.onlyUser()
	if user != nil {
		f.uid = int(*user)
	}
	if user != nil || v.fsGroup() != nil {
		f.mode = 0o600
	}
	return map[string]file{projection.Path: f}, nil
}

// onlyUser is the runAsUser that all containers have; nil where there is none, or they differ.
func (p *pod) onlyUser() *int64 {
	var only *int64
	for i, c := range append(p.mains[:len(p.mains):len(p.mains)], p.inits...) {
		s := c.security()
		user := first(s.container.RunAsUser, s.pod.RunAsUser)
		if user == nil || i > 0 && *user != *only {
			return nil
		}
		only = user
	}
	return only
}
