package node

import (
	"errors"
	"fmt"

	v1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"yett.dev/cluster/contain"
)

// security is a container's securityContext over that of its Pod.
type security struct {
	container v1.SecurityContext
	pod       v1.PodSecurityContext
}

func (c *container) security() security {
	return security{
		container: ptr.Deref(c.spec.SecurityContext, v1.SecurityContext{}),
		pod:       ptr.Deref(c.pod.current().Spec.SecurityContext, v1.PodSecurityContext{}),
	}
}

func (s security) readOnlyRoot() bool { return ptr.Deref(s.container.ReadOnlyRootFilesystem, false) }
func (s security) privileged() bool   { return ptr.Deref(s.container.Privileged, false) }

// first is the container's word, or else the Pod's.
func first[T any](container, pod *T) *T {
	if container != nil {
		return container
	}
	return pod
}

// identity is who the container's process is and what it may do.
func (c *container) identity(image *image) (contain.Identity, error) {
	s := c.security()
	id := contain.Identity{NoNewPrivileges: !ptr.Deref(s.container.AllowPrivilegeEscalation, true)}
	err := errors.Join(s.setUser(&id, image), s.setCapabilities(&id), s.setSeccomp(&id))
	if err != nil {
		return id, fmt.Errorf("container %s: %w", c.spec.Name, err)
	}
	return id, nil
}

func (s security) setUser(id *contain.Identity, image *image) error {
	user, err := image.user()
	if err != nil {
		return err
	}
	if uid := first(s.container.RunAsUser, s.pod.RunAsUser); uid != nil && *uid != int64(user.uid) {
		user = image.userByNumber(uint32(*uid))
	}
	if gid := first(s.container.RunAsGroup, s.pod.RunAsGroup); gid != nil {
		user.gid = uint32(*gid)
	}
	if ptr.Deref(first(s.container.RunAsNonRoot, s.pod.RunAsNonRoot), false) {
		switch {
		case user.uid == 0 && first(s.container.RunAsUser, s.pod.RunAsUser) != nil:
			return errors.New("container's runAsUser breaks non-root policy")
		case user.uid == 0:
			return errors.New("container has runAsNonRoot and image will run as root")
		case user.isNamed && first(s.container.RunAsUser, s.pod.RunAsUser) == nil:
			return fmt.Errorf("container has runAsNonRoot and image has non-numeric user (%s), cannot verify user is non-root", image.User)
		}
	}
	id.UID, id.GID = user.uid, user.gid
	id.Groups = []uint32{user.gid}
	for _, group := range s.pod.SupplementalGroups {
		id.Groups = append(id.Groups, uint32(group))
	}
	if s.pod.FSGroup != nil {
		id.Groups = append(id.Groups, uint32(*s.pod.FSGroup))
	}
	return nil
}

func (s security) setCapabilities(id *contain.Identity) (err error) {
	if s.privileged() {
		id.Capabilities = contain.AllCapabilities()
		return nil
	}
	wanted := ptr.Deref(s.container.Capabilities, v1.Capabilities{})
	id.Capabilities, err = contain.Capabilities(names(wanted.Add), names(wanted.Drop))
	return err
}

func names(capabilities []v1.Capability) []string {
	var names []string
	for _, capability := range capabilities {
		names = append(names, string(capability))
	}
	return names
}

func (s security) setSeccomp(id *contain.Identity) error {
	profile := first(s.container.SeccompProfile, s.pod.SeccompProfile)
	if profile == nil || s.privileged() {
		return nil
	}
	switch profile.Type {
	case v1.SeccompProfileTypeRuntimeDefault:
		id.Seccomp = true
	case v1.SeccompProfileTypeUnconfined:
	default:
		return fmt.Errorf("seccompProfile %s: this node has only RuntimeDefault and Unconfined", profile.Type)
	}
	return nil
}
