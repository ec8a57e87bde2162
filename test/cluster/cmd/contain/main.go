// Command contain becomes a container's process. The node agent starts it; see package contain.
package main

import (
	"os"

	"yett.dev/cluster/contain"
)

func main() { os.Exit(contain.Main(os.Args[1:])) }
