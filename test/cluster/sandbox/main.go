package sandbox

import (
	"fmt"
	"os"
)

// Main is the TestMain of tests that need a sandbox: it ends the process with what `run` returns inside one.
func Main(run func() int) {
	if Inside() {
		if err := Enter(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(run())
	}
	status, err := Run()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		status = 1
	}
	os.Exit(status)
}
