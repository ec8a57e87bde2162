package gate

import (
	"fmt"
	"net"
	"strconv"
	"strings"
)

// Join concatenates lists of objects, and single ones.
func Join(parts ...any) []Object {
	var all []Object
	for _, part := range parts {
		switch p := part.(type) {
		case Object:
			all = append(all, p)
		case []Object:
			all = append(all, p...)
		default:
			panic(fmt.Sprintf("no object: %T", part))
		}
	}
	return all
}

// NewObject has the fields that every object has. The namespace is "default" where `name` is not "ns/name".
func NewObject(apiVersion, kind, name string) Object {
	namespace, rest, found := strings.Cut(name, "/")
	if !found {
		namespace, rest = "default", name
	}
	return Object{
		"apiVersion": apiVersion,
		"kind":       kind,
		"metadata":   map[string]any{"name": rest, "namespace": namespace},
	}
}

// Metadata of an object, to be changed.
func (o Object) Metadata() map[string]any { return o["metadata"].(map[string]any) }

// Label sets a label.
func (o Object) Label(key, value string) Object {
	labels, _ := o.Metadata()["labels"].(map[string]any)
	if labels == nil {
		labels = map[string]any{}
		o.Metadata()["labels"] = labels
	}
	labels[key] = value
	return o
}

// IngressClass is cluster-wide.
func IngressClass(name, controller string, isDefault bool) Object {
	class := NewObject("networking.k8s.io/v1", "IngressClass", name)
	metadata := map[string]any{"name": name}
	if isDefault {
		metadata["annotations"] = map[string]any{"ingressclass.kubernetes.io/is-default-class": "true"}
	}
	class["metadata"] = metadata
	class["spec"] = map[string]any{"controller": controller}
	return class
}

// ServicePort of a Service. TargetPort: a number or a name; nil leaves it out.
type ServicePort struct {
	Name       string
	Port       int
	TargetPort any
}

// Service with these ports.
func Service(name string, ports ...ServicePort) Object {
	service := NewObject("v1", "Service", name)
	var list []any
	for _, port := range ports {
		item := map[string]any{"port": port.Port}
		if port.Name != "" {
			item["name"] = port.Name
		}
		if port.TargetPort != nil {
			item["targetPort"] = port.TargetPort
		}
		list = append(list, item)
	}
	service["spec"] = map[string]any{"ports": list}
	return service
}

// Endpoint of an EndpointSlice. Conditions are left out where nil.
type Endpoint struct {
	Address                     string // IP
	Ready, Serving, Terminating *bool
}

// EndpointSlice of `service` ("name" or "ns/name"), one port named `portName`.
func EndpointSlice(service, sliceName, portName string, port int, endpoints ...Endpoint) Object {
	slice := NewObject("discovery.k8s.io/v1", "EndpointSlice", service)
	_, serviceName, found := strings.Cut(service, "/")
	if !found {
		serviceName = service
	}
	slice.Metadata()["name"] = sliceName
	slice.Label("kubernetes.io/service-name", serviceName)
	slice["addressType"] = "IPv4"
	portItem := map[string]any{"port": port, "protocol": "TCP"}
	if portName != "" {
		portItem["name"] = portName
	}
	slice["ports"] = []any{portItem}
	list := []any{}
	for _, endpoint := range endpoints {
		if strings.Contains(endpoint.Address, ":") {
			slice["addressType"] = "IPv6"
		}
		item := map[string]any{"addresses": []any{endpoint.Address}}
		conditions := map[string]any{}
		for name, value := range map[string]*bool{
			"ready": endpoint.Ready, "serving": endpoint.Serving, "terminating": endpoint.Terminating,
		} {
			if value != nil {
				conditions[name] = *value
			}
		}
		if len(conditions) > 0 {
			item["conditions"] = conditions
		}
		list = append(list, item)
	}
	slice["endpoints"] = list
	return slice
}

// Backends is a Service (port 80, named "http") and an EndpointSlice for each of the addresses "IP:port".
func Backends(service string, addresses ...string) []Object {
	objects := []Object{Service(service, ServicePort{Name: "http", Port: 80})}
	for i, address := range addresses {
		host, portText, err := net.SplitHostPort(address)
		if err != nil {
			panic(err)
		}
		port, _ := strconv.Atoi(portText)
		_, name, found := strings.Cut(service, "/")
		if !found {
			name = service
		}
		objects = append(objects, EndpointSlice(service, fmt.Sprintf("%s-%d", name, i), "http", port,
			Endpoint{Address: host}))
	}
	return objects
}

// Path of a Rule. Type is "Prefix" where empty. Port (a number or a name) is 80 where nil.
type Path struct {
	Path, Type, Service string
	Port                any
}

// Rule of an Ingress.
type Rule struct {
	Host  string
	Paths []Path
}

// TLS entry of an Ingress.
type TLS struct {
	Hosts  []string
	Secret string
}

// Ingress as tests write it; Object() is the manifest. No class means the default one.
type Ingress struct {
	Name           string // "name" or "ns/name"
	Class          string
	Annotations    map[string]string
	Created        string // creationTimestamp
	Rules          []Rule
	TLS            []TLS
	DefaultService string // spec.defaultBackend, port 80
}

func backend(service string, port any) map[string]any {
	if port == nil {
		port = 80
	}
	by := "number"
	if _, isName := port.(string); isName {
		by = "name"
	}
	return map[string]any{"service": map[string]any{"name": service, "port": map[string]any{by: port}}}
}

func (r Rule) object() map[string]any {
	rule := map[string]any{}
	if r.Host != "" {
		rule["host"] = r.Host
	}
	var paths []any
	for _, path := range r.Paths {
		kind := path.Type
		if kind == "" {
			kind = "Prefix"
		}
		item := map[string]any{"pathType": kind, "backend": backend(path.Service, path.Port)}
		if path.Path != "" {
			item["path"] = path.Path
		}
		paths = append(paths, item)
	}
	if paths != nil {
		rule["http"] = map[string]any{"paths": paths}
	}
	return rule
}

// Object is the manifest.
func (i Ingress) Object() Object {
	object := NewObject("networking.k8s.io/v1", "Ingress", i.Name)
	spec := map[string]any{}
	if i.Class != "" {
		spec["ingressClassName"] = i.Class
	}
	if i.Created != "" {
		object.Metadata()["creationTimestamp"] = i.Created
	}
	if len(i.Annotations) > 0 {
		annotations := map[string]any{}
		for key, value := range i.Annotations {
			annotations[key] = value
		}
		object.Metadata()["annotations"] = annotations
	}
	if i.DefaultService != "" {
		spec["defaultBackend"] = backend(i.DefaultService, nil)
	}
	var rules, tls []any
	for _, rule := range i.Rules {
		rules = append(rules, rule.object())
	}
	for _, entry := range i.TLS {
		item := map[string]any{}
		if entry.Secret != "" {
			item["secretName"] = entry.Secret
		}
		var hosts []any
		for _, host := range entry.Hosts {
			hosts = append(hosts, host)
		}
		if hosts != nil {
			item["hosts"] = hosts
		}
		tls = append(tls, item)
	}
	if rules != nil {
		spec["rules"] = rules
	}
	if tls != nil {
		spec["tls"] = tls
	}
	object["spec"] = spec
	return object
}

// Route is an Ingress with one host and one path, Prefix, to port 80 of `service`.
func Route(name, host, path, service string) Object {
	return Ingress{Name: name, Rules: []Rule{{host, []Path{{Path: path, Service: service}}}}}.Object()
}

// ConfigMap with this data.
func ConfigMap(name string, data map[string]string) Object {
	object := NewObject("v1", "ConfigMap", name)
	values := map[string]any{}
	for key, value := range data {
		values[key] = value
	}
	object["data"] = values
	return object
}
