package node

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"yett.dev/cluster/contain"
)

// image says what stands for an image's name. The file that names them is read at each start of a container:
//
//	{
//	  "yett:dev": {"oci": "/…/build/image"},
//	  "echo:1": {"program": "/…/build/yett", "entrypoint": ["echo"], "user": "65532"}
//	}
//
// One of three: an image in OCI layout, whose own configuration says the rest; a directory that is the root; or a
// program of this machine's, which then finds the machine's files, read only, and itself in /program.
type image struct {
	OCI     string `json:"oci,omitempty"`
	Rootfs  string `json:"rootfs,omitempty"`
	Program string `json:"program,omitempty"`

	Entrypoint []string `json:"entrypoint,omitempty"` // for a program: what follows its name
	Cmd        []string `json:"cmd,omitempty"`
	Env        []string `json:"env,omitempty"`
	User       string   `json:"user,omitempty"` // name or number, and ":group"; empty: root
	WorkingDir string   `json:"workingDir,omitempty"`

	mounts []contain.Mount
}

type images struct {
	path   string
	byName map[string]*image
}

func readImages(path string) (images, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return images{}, fmt.Errorf("the file that names images (--images): %w", err)
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	byName := map[string]*image{}
	if err := decoder.Decode(&byName); err != nil {
		return images{}, fmt.Errorf("the file that names images, %s: %w", path, err)
	}
	return images{path, byName}, nil
}

// find returns an image that is ready to be a container's root. `unpacked` is where images lie that are archives.
func (i images) find(name, unpacked string) (*image, error) {
	found := i.byName[name]
	if found == nil {
		return nil, fmt.Errorf("image %q is not on this node, and nothing is pulled; name it in %s", name, i.path)
	}
	var err error
	switch {
	case found.OCI != "":
		err = found.unpack(unpacked)
	case found.Program != "":
		err = found.useProgram()
	case found.Rootfs != "":
		err = found.useDirectory()
	default:
		err = fmt.Errorf("it has none of oci, rootfs and program")
	}
	if err != nil {
		return nil, fmt.Errorf("image %q of %s: %w", name, i.path, err)
	}
	return found, nil
}

func (i *image) useDirectory() error {
	directory, err := filepath.EvalSymlinks(i.Rootfs)
	if err != nil {
		return fmt.Errorf("rootfs %s: %w", i.Rootfs, err)
	}
	i.Rootfs = directory
	return nil
}

// programDir is new in the root, as in a user namespace nothing can be added to a directory of the machine's.
const programDir = "/program"

const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

func (i *image) useProgram() error {
	program, err := filepath.EvalSymlinks(i.Program)
	if err != nil {
		return fmt.Errorf("program %s: %w", i.Program, err)
	}
	inside := filepath.Join(programDir, filepath.Base(i.Program))
	i.Rootfs = "/"
	i.mounts = []contain.Mount{{Source: program, Target: inside, ReadOnly: true}}
	i.Entrypoint = append([]string{inside}, i.Entrypoint...)
	i.Env = append([]string{"PATH=" + programDir + ":" + defaultPath}, i.Env...)
	return nil
}

// imageUser is who runs where the Pod names nobody.
type imageUser struct {
	uid, gid uint32
	isNamed  bool
}

func (i *image) user() (imageUser, error) {
	name, group, hasGroup := strings.Cut(i.User, ":")
	if name == "" {
		name = "0"
	}
	var user imageUser
	if uid, err := strconv.ParseUint(name, 10, 32); err == nil {
		user = i.userByNumber(uint32(uid))
	} else {
		entry := i.lookUp("passwd", 0, name)
		if entry == nil {
			return user, fmt.Errorf("the image's user %q is not in its /etc/passwd", name)
		}
		user = imageUser{number(entry, 2), number(entry, 3), true}
	}
	if !hasGroup {
		return user, nil
	}
	if gid, err := strconv.ParseUint(group, 10, 32); err == nil {
		user.gid = uint32(gid)
		return user, nil
	}
	entry := i.lookUp("group", 0, group)
	if entry == nil {
		return user, fmt.Errorf("the image's group %q is not in its /etc/group", group)
	}
	user.gid = number(entry, 2)
	return user, nil
}

// userByNumber has the group that the image's passwd says, or root's where it does not know the user.
func (i *image) userByNumber(uid uint32) imageUser {
	user := imageUser{uid: uid}
	if entry := i.lookUp("passwd", 2, strconv.Itoa(int(uid))); entry != nil {
		user.gid = number(entry, 3)
	}
	return user
}

// lookUp finds the line of /etc/passwd or /etc/group whose field is `value`.
func (i *image) lookUp(file string, field int, value string) []string {
	text, _ := os.ReadFile(filepath.Join(i.Rootfs, "etc", file))
	for line := range strings.Lines(string(text)) {
		if entry := strings.Split(strings.TrimSpace(line), ":"); len(entry) > 2 && entry[field] == value {
			return entry
		}
	}
	return nil
}

func number(entry []string, field int) uint32 {
	if field >= len(entry) {
		return 0
	}
	n, _ := strconv.ParseUint(entry[field], 10, 32)
	return uint32(n)
}
