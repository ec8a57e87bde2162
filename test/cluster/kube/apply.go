package kube

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/dynamic"
)

// Objects reads the documents of a YAML or JSON text; Lists are taken apart.
func Objects(text []byte) ([]*unstructured.Unstructured, error) {
	var objects []*unstructured.Unstructured
	decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(text), 4096)
	for {
		object := &unstructured.Unstructured{}
		err := decoder.Decode(&object.Object)
		switch {
		case errors.Is(err, io.EOF):
			return objects, nil
		case err != nil:
			return nil, err
		case len(object.Object) == 0:
			continue
		case object.IsList():
			list, err := object.ToList()
			if err != nil {
				return nil, err
			}
			for i := range list.Items {
				objects = append(objects, &list.Items[i])
			}
		default:
			objects = append(objects, object)
		}
	}
}

// ApplyYAML applies the objects of a text by server-side apply, as `kubectl apply --server-side` does. Those that live
// in a namespace and name none go to `namespace`, or to "default". All are tried; the errors name the objects.
func (c *Cluster) ApplyYAML(ctx context.Context, namespace string, text []byte) error {
	objects, err := Objects(text)
	if err != nil {
		return err
	}
	var errs []error
	for _, object := range objects {
		errs = append(errs, c.ApplyObject(ctx, namespace, object))
	}
	return errors.Join(errs...)
}

// ApplyObject applies one object. A connection that an API server broke which was taken away is told once, and is no
// answer.
func (c *Cluster) ApplyObject(ctx context.Context, namespace string, object *unstructured.Unstructured) error {
	err := c.applyOnce(ctx, namespace, object)
	if utilnet.IsConnectionReset(err) || utilnet.IsHTTP2ConnectionLost(err) {
		err = c.applyOnce(ctx, namespace, object)
	}
	if err != nil {
		return fmt.Errorf("%s %s/%s: %w", object.GetKind(), object.GetNamespace(), object.GetName(), err)
	}
	return nil
}

func (c *Cluster) applyOnce(ctx context.Context, namespace string, object *unstructured.Unstructured) error {
	resource, err := c.resource(namespace, object)
	if err != nil {
		return err
	}
	_, err = resource.Apply(ctx, object.GetName(), object, metav1.ApplyOptions{FieldManager: "test", Force: true})
	return err
}

// DeleteYAML deletes what ApplyYAML applied.
func (c *Cluster) DeleteYAML(ctx context.Context, namespace string, text []byte) error {
	objects, err := Objects(text)
	if err != nil {
		return err
	}
	var errs []error
	for _, object := range objects {
		resource, err := c.resource(namespace, object)
		if err == nil {
			err = resource.Delete(ctx, object.GetName(), metav1.DeleteOptions{})
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func (c *Cluster) resource(namespace string, object *unstructured.Unstructured) (dynamic.ResourceInterface, error) {
	kind := object.GroupVersionKind()
	mapping, err := c.mapper.RESTMapping(kind.GroupKind(), kind.Version)
	if meta.IsNoMatchError(err) {
		c.mapper.Reset() // a CustomResourceDefinition may be new
		mapping, err = c.mapper.RESTMapping(kind.GroupKind(), kind.Version)
	}
	if err != nil {
		return nil, err
	}
	resources := c.dynamic.Resource(mapping.Resource)
	if mapping.Scope.Name() == meta.RESTScopeNameRoot {
		return resources, nil
	}
	if object.GetNamespace() == "" {
		object.SetNamespace(namespace)
		if namespace == "" {
			object.SetNamespace(metav1.NamespaceDefault)
		}
	}
	return resources.Namespace(object.GetNamespace()), nil
}
