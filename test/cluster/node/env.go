package node

import (
	"context"
	"fmt"
	"sort"
	"strconv"
	"strings"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/utils/ptr"
)

// environment keeps variables in the order in which they were set first.
type environment struct {
	names  []string
	values map[string]string
}

func (e *environment) set(name, value string) {
	if _, known := e.values[name]; !known {
		e.names = append(e.names, name)
	}
	e.values[name] = value
}

func (e *environment) list() []string {
	var list []string
	for _, name := range e.names {
		list = append(list, name+"="+e.values[name])
	}
	return list
}

// expand replaces $(NAME) where the name is set; $$ stands for one $, so that $$(NAME) stays $(NAME).
func (e *environment) expand(text string) string {
	var out strings.Builder
	for {
		i := strings.IndexByte(text, '$')
		if i < 0 || i+1 == len(text) {
			return out.String() + text
		}
		out.WriteString(text[:i])
		text = text[i:]
		end := strings.IndexByte(text, ')')
		switch {
		case text[1] == '$':
			out.WriteByte('$')
			text = text[2:]
		case text[1] == '(' && end > 0:
			value, known := e.values[text[2:end]]
			if !known {
				value = text[:end+1]
			}
			out.WriteString(value)
			text = text[end+1:]
		default:
			out.WriteByte('$')
			text = text[1:]
		}
	}
}

// environment is the image's, then the node's, then envFrom, then env: what comes later wins.
func (c *container) environment(image *image) (*environment, error) {
	e := &environment{values: map[string]string{}}
	e.set("PATH", defaultPath)
	e.set("HOSTNAME", c.pod.hostname())
	for _, entry := range image.Env {
		name, value, _ := strings.Cut(entry, "=")
		e.set(name, value)
	}
	server := c.pod.agent.server
	e.set("KUBERNETES_SERVICE_HOST", server.IP.String())
	e.set("KUBERNETES_SERVICE_PORT", strconv.Itoa(server.Port))
	e.set("KUBERNETES_SERVICE_PORT_HTTPS", strconv.Itoa(server.Port))
	for _, source := range c.spec.EnvFrom {
		if err := c.setFrom(e, source); err != nil {
			return nil, err
		}
	}
	for _, variable := range c.spec.Env {
		value, found, err := c.valueOf(variable)
		if err != nil {
			return nil, fmt.Errorf("env %s: %w", variable.Name, err)
		}
		if found {
			if variable.ValueFrom == nil {
				value = e.expand(value)
			}
			e.set(variable.Name, value)
		}
	}
	return e, nil
}

func (c *container) setFrom(e *environment, source v1.EnvFromSource) error {
	data := map[string]string{}
	if ref := source.ConfigMapRef; ref != nil {
		object, err := c.configMap(ref.Name, ptr.Deref(ref.Optional, false))
		if err != nil {
			return err
		}
		data = object.Data
	}
	if ref := source.SecretRef; ref != nil {
		object, err := c.secret(ref.Name, ptr.Deref(ref.Optional, false))
		if err != nil {
			return err
		}
		for name, value := range object.Data {
			data[name] = string(value)
		}
	}
	var keys []string
	for key := range data {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	for _, key := range keys {
		e.set(source.Prefix+key, data[key])
	}
	return nil
}

// configMap returns an empty one where there is none and it is optional.
func (c *container) configMap(name string, optional bool) (*v1.ConfigMap, error) {
	object, err := c.pod.volumes.objects.configMap(context.Background(), c.pod.key.Namespace, name)
	if object != nil || err != nil {
		return object, err
	}
	if optional {
		return &v1.ConfigMap{}, nil
	}
	return nil, fmt.Errorf("configmap %q not found", name)
}

func (c *container) secret(name string, optional bool) (*v1.Secret, error) {
	object, err := c.pod.volumes.objects.secret(context.Background(), c.pod.key.Namespace, name)
	if object != nil || err != nil {
		return object, err
	}
	if optional {
		return &v1.Secret{}, nil
	}
	return nil, fmt.Errorf("secret %q not found", name)
}

func (c *container) valueOf(variable v1.EnvVar) (value string, found bool, err error) {
	from := variable.ValueFrom
	switch {
	case from == nil:
		return variable.Value, true, nil
	case from.FieldRef != nil:
		value, err = c.pod.field(from.FieldRef.FieldPath)
		return value, true, err
	case from.ResourceFieldRef != nil:
		value, err = c.pod.resource(from.ResourceFieldRef, c.spec.Name)
		return value, true, err
	case from.ConfigMapKeyRef != nil:
		ref := from.ConfigMapKeyRef
		optional := ptr.Deref(ref.Optional, false)
		object, err := c.configMap(ref.Name, optional)
		if err != nil {
			return "", false, err
		}
		if value, found = object.Data[ref.Key]; !found && !optional {
			err = fmt.Errorf("couldn't find key %s in ConfigMap %s/%s", ref.Key, c.pod.key.Namespace, ref.Name)
		}
		return value, found, err
	case from.SecretKeyRef != nil:
		ref := from.SecretKeyRef
		optional := ptr.Deref(ref.Optional, false)
		object, err := c.secret(ref.Name, optional)
		if err != nil {
			return "", false, err
		}
		data, found := object.Data[ref.Key]
		if !found && !optional {
			err = fmt.Errorf("couldn't find key %s in Secret %s/%s", ref.Key, c.pod.key.Namespace, ref.Name)
		}
		return string(data), found, err
	}
	return "", false, fmt.Errorf("a source that this node does not know")
}

// field is what the downward API says.
func (p *pod) field(path string) (string, error) {
	object := p.current()
	p.lock.Lock()
	network := p.network
	p.lock.Unlock()
	switch path {
	case "metadata.name":
		return object.Name, nil
	case "metadata.namespace":
		return object.Namespace, nil
	case "metadata.uid":
		return string(object.UID), nil
	case "metadata.labels":
		return quotedLines(object.Labels), nil
	case "metadata.annotations":
		return quotedLines(object.Annotations), nil
	case "spec.nodeName":
		return object.Spec.NodeName, nil
	case "spec.serviceAccountName":
		return object.Spec.ServiceAccountName, nil
	case "status.hostIP", "status.hostIPs":
		return p.agent.network.node.String(), nil
	case "status.podIP", "status.podIPs":
		return network.IP, nil
	}
	for prefix, values := range map[string]map[string]string{
		"metadata.labels['": object.Labels, "metadata.annotations['": object.Annotations,
	} {
		if key, ok := strings.CutPrefix(path, prefix); ok {
			return values[strings.TrimSuffix(key, "']")], nil
		}
	}
	return "", fmt.Errorf("fieldPath %q is none of the downward API", path)
}

func quotedLines(values map[string]string) string {
	var lines []string
	for key, value := range values {
		lines = append(lines, key+"="+strconv.Quote(value))
	}
	sort.Strings(lines)
	return strings.Join(lines, "\n")
}

// resource is a request or limit of a container; without a limit, what the node has.
func (p *pod) resource(ref *v1.ResourceFieldSelector, name string) (string, error) {
	if ref.ContainerName != "" {
		name = ref.ContainerName
	}
	kind, resourceName, _ := strings.Cut(ref.Resource, ".")
	object := p.current()
	for _, spec := range append(append([]v1.Container{}, object.Spec.Containers...), object.Spec.InitContainers...) {
		if spec.Name != name {
			continue
		}
		quantity, set := spec.Resources.Requests[v1.ResourceName(resourceName)]
		if kind == "limits" {
			if quantity, set = spec.Resources.Limits[v1.ResourceName(resourceName)]; !set {
				quantity = nodeResources[v1.ResourceName(resourceName)]
			}
		}
		return inUnits(quantity, ref.Divisor), nil
	}
	return "", fmt.Errorf("the Pod has no container %q", name)
}

// inUnits rounds up, as the kubelet does.
func inUnits(quantity, divisor resource.Quantity) string {
	if divisor.IsZero() {
		divisor = resource.MustParse("1")
	}
	return strconv.FormatInt((quantity.MilliValue()+divisor.MilliValue()-1)/divisor.MilliValue(), 10)
}
