package node

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	v1 "k8s.io/api/core/v1"

	"yett.dev/cluster/contain"
)

// start makes the container's process. `logged` is closed when all that it wrote is in its log.
func (c *container) start() (process *contain.Process, logged <-chan struct{}, failure *startError) {
	if _, err := c.image(); err != nil {
		return nil, nil, &startError{"ErrImageNeverPull", err}
	}
	spec, err := c.containSpec()
	if err != nil {
		return nil, nil, &startError{"CreateContainerConfigError", err}
	}
	if err := c.renewFiles(); err != nil {
		return nil, nil, &startError{"CreateContainerError", err}
	}
	log, err := c.openLog()
	if err != nil {
		return nil, nil, &startError{"CreateContainerError", err}
	}
	process, err = contain.Start(spec, c.pod.network.Namespace, log.stdout, log.stderr)
	log.closeWriters()
	if err != nil {
		return nil, nil, &startError{"RunContainerError", err}
	}
	return process, log.done, nil
}

func (c *container) image() (*image, error) {
	images, err := readImages(c.pod.agent.config.Images)
	if err != nil {
		return nil, err
	}
	return images.find(c.spec.Image, filepath.Join(c.pod.agent.config.StateDir, "images"))
}

// dir is a place of the container's own among the files of its Pod.
func (c *container) dir(parts ...string) string {
	return c.pod.dir(append([]string{"containers", c.spec.Name}, parts...)...)
}

// renewFiles makes what each life of the container begins with.
func (c *container) renewFiles() error {
	return errors.Join(
		os.MkdirAll(c.dir("scratch"), 0o755),
		os.WriteFile(c.dir("termination-log"), nil, 0o666),
		os.Chmod(c.dir("termination-log"), 0o666))
}

// containSpec is all that the process is to be.
func (c *container) containSpec() (contain.Spec, error) {
	image, err := c.image()
	if err != nil {
		return contain.Spec{}, err
	}
	env, err := c.environment(image)
	if err != nil {
		return contain.Spec{}, err
	}
	mounts, err := c.mounts(image, env)
	if err != nil {
		return contain.Spec{}, err
	}
	identity, err := c.identity(image)
	if err != nil {
		return contain.Spec{}, err
	}
	spec := contain.Spec{
		Root: contain.Root{
			Lower: image.Rootfs, Scratch: c.dir("scratch"), Mounts: mounts,
			ReadOnly: c.security().readOnlyRoot(), RawProc: c.security().privileged(),
		},
		Hostname: c.pod.hostname(),
		Args:     c.arguments(image, env),
		Env:      env.list(),
		Dir:      image.WorkingDir,
		Identity: identity,
	}
	if c.spec.WorkingDir != "" {
		spec.Dir = c.spec.WorkingDir
	}
	if len(spec.Args) == 0 {
		return spec, fmt.Errorf("no command specified: neither container %s nor image %s has one", c.spec.Name, c.spec.Image)
	}
	return spec, nil
}

// arguments: a command of the Pod's replaces all of the image's; arguments of the Pod's only its cmd.
func (c *container) arguments(image *image, env *environment) []string {
	command, args := c.spec.Command, c.spec.Args
	if len(command) == 0 {
		command = image.Entrypoint
		if len(args) == 0 {
			return append(append([]string{}, command...), image.Cmd...)
		}
	}
	var all []string
	for i, word := range append(append([]string{}, command...), args...) {
		if len(c.spec.Command) > 0 || i >= len(command) {
			word = env.expand(word)
		}
		all = append(all, word)
	}
	return all
}

// mounts are the image's program, the files that every container gets, and the Pod's volumes, so that a volume may
// lie over the others.
func (c *container) mounts(image *image, env *environment) ([]contain.Mount, error) {
	mounts := append([]contain.Mount{}, image.mounts...)
	mounts = append(mounts,
		contain.Mount{Source: c.pod.dir("hosts"), Target: "/etc/hosts"},
		contain.Mount{Source: c.pod.dir("hostname"), Target: "/etc/hostname", ReadOnly: true},
		contain.Mount{Source: c.pod.dir("resolv.conf"), Target: "/etc/resolv.conf", ReadOnly: true})
	if path := c.spec.TerminationMessagePath; path != "" {
		mounts = append(mounts, contain.Mount{Source: c.dir("termination-log"), Target: path})
	}
	for _, m := range c.spec.VolumeMounts {
		mount, err := c.volumeMount(m, env)
		if err != nil {
			return nil, err
		}
		mounts = append(mounts, mount)
	}
	return mounts, nil
}

func (c *container) volumeMount(m v1.VolumeMount, env *environment) (contain.Mount, error) {
	volume := c.pod.dir("volumes", m.Name)
	source := volume
	subPath := m.SubPath
	if m.SubPathExpr != "" {
		subPath = env.expand(m.SubPathExpr)
	}
	if subPath != "" {
		path := filepath.Join(volume, subPath)
		if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
			if err := os.MkdirAll(path, 0o777); err != nil {
				return contain.Mount{}, err
			}
		}
		resolved, err := filepath.EvalSymlinks(path)
		if err != nil {
			return contain.Mount{}, err
		}
		if !strings.HasPrefix(resolved, volume+"/") {
			return contain.Mount{}, fmt.Errorf("subPath %q leads out of volume %s", subPath, m.Name)
		}
		source = resolved
	}
	return contain.Mount{Source: source, Target: m.MountPath, ReadOnly: m.ReadOnly || c.pod.volumes.isReadOnly(m.Name)}, nil
}
