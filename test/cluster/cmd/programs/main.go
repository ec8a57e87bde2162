// Command programs is the programs that test Pods run: see package programs.
package main

import (
	"os"

	"yett.dev/cluster/programs"
)

func main() { os.Exit(programs.Main(os.Args[1:])) }
