package node

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	v1 "k8s.io/api/core/v1"
)

// volumes are a Pod's: directories below its own. Those that show objects of the API follow these: a change is there
// as soon as the node sees it, where the kubelet takes up to a minute.
type volumes struct {
	pod     *pod
	objects *objectUser
	tokens  *tokens
	news    chan struct{} // something may have changed
}

func newVolumes(p *pod) *volumes {
	v := &volumes{pod: p, news: make(chan struct{}, 1)}
	v.objects = p.agent.objects.newUser(v.changed)
	v.tokens = &tokens{pod: p, held: map[tokenKey]heldToken{}}
	return v
}

func (v *volumes) changed() {
	select {
	case v.news <- struct{}{}:
	default:
	}
}

func (v *volumes) release() { v.objects.release() }

// write brings all volumes to what they should hold now.
func (v *volumes) write(ctx context.Context) error {
	var all error
	for _, volume := range v.pod.current().Spec.Volumes {
		if err := v.writeOne(ctx, volume); err != nil {
			all = errors.Join(all, fmt.Errorf("MountVolume.SetUp failed for volume %q: %w", volume.Name, err))
		}
	}
	return all
}

func (v *volumes) writeOne(ctx context.Context, volume v1.Volume) error {
	dir := v.pod.dir("volumes", volume.Name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if volume.EmptyDir != nil {
		// Memory is a directory, too: nothing is limited.
		return errors.Join(os.Chmod(dir, 0o777), v.giveToGroup(dir, 0o777))
	}
	files, err := v.content(ctx, volume)
	if err != nil {
		return err
	}
	return errors.Join(writeAtomically(dir, files, v.fsGroup()), v.giveToGroup(dir, 0o755))
}

func (v *volumes) fsGroup() *int64 {
	if security := v.pod.current().Spec.SecurityContext; security != nil {
		return security.FSGroup
	}
	return nil
}

// giveToGroup gives a volume's directory to the Pod's fsGroup, with the bit that hands the group on.
func (v *volumes) giveToGroup(dir string, mode os.FileMode) error {
	group := v.fsGroup()
	if group == nil {
		return nil
	}
	return errors.Join(os.Chown(dir, -1, int(*group)), os.Chmod(dir, mode|0o070|os.ModeSetgid))
}

// isReadOnly: what shows objects of the API is never written to by a container.
func (v *volumes) isReadOnly(name string) bool {
	for _, volume := range v.pod.current().Spec.Volumes {
		if volume.Name == name {
			return volume.EmptyDir == nil
		}
	}
	return false
}

// follow rewrites volumes when an object, the Pod's own labels, or the age of a token asks for it. A volume that
// cannot be rewritten stays as it is, and is tried again.
func (v *volumes) follow(ctx context.Context) {
	for {
		rotate := v.pod.agent.tokens.wait()
		select {
		case <-ctx.Done():
			return
		case <-v.pod.gone.done:
			return
		case <-v.news:
		case <-rotate:
			v.tokens.forget()
		case <-time.After(v.tokens.untilRefresh()):
		}
		if err := v.write(ctx); err != nil && ctx.Err() == nil {
			v.pod.event(v1.EventTypeWarning, "FailedMount", err.Error())
			time.AfterFunc(2*time.Second, v.changed)
		}
	}
}
