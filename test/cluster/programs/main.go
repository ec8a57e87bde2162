// Package programs is what test Pods run besides `yett echo`, in one small binary: a web server that can be slow, take
// its time to start and to stop, and counts what reaches it when nothing should any more; a gRPC server; and one for bytes as they are.
package programs

import (
	"fmt"
	"os"
)

// Main runs the program that the first argument names.
func Main(args []string) int {
	programs := map[string]func(args []string) error{"web": web, "grpc": grpcEcho, "raw": raw}
	if len(args) == 0 || programs[args[0]] == nil {
		fmt.Fprintln(os.Stderr, "usage: programs web|grpc|raw [FLAG...]; each knows --help")
		return 2
	}
	if err := programs[args[0]](args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}
