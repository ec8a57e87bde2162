package sandbox

import (
	"os/exec"
)

func forUser(cmd *exec.Cmd) {}

func start(cmd *exec.Cmd) error { return cmd.Start() }
