package gate

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

const besideVariable = "YETT_E2E_BESIDE"

// Beside runs `serve` in another process than the test's: where one process may not have the descriptors of both ends of
// all connections. `serve` returns addresses, which Beside returns to the test; its process ends with the test. It runs
// the calling test once more, so Beside comes before all that the other process is not to do.
func Beside(t *testing.T, serve func() []string) []string {
	t.Helper()
	if os.Getenv(besideVariable) == t.Name() {
		fmt.Println(besideVariable, strings.Join(serve(), " "))
		io.Copy(io.Discard, os.Stdin)
		t.SkipNow() // its own half of the test is done
	}
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), besideVariable+"="+t.Name())
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := startLocked(cmd); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close()
		cmd.Wait()
	})
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		if rest, found := strings.CutPrefix(lines.Text(), besideVariable+" "); found {
			go io.Copy(io.Discard, stdout)
			return strings.Fields(rest)
		}
	}
	t.Fatalf("the process beside the test ended: %v", cmd.Wait())
	return nil
}
