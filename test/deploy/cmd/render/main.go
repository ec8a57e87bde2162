// Render prints what deploy/ installs, for machines that have neither Helm nor kubectl:
//
//	render helm CHART NAME NAMESPACE [VALUES.yaml]
//	render kustomize DIR
package main

import (
	"fmt"
	"os"

	"yett.dev/deploy/render"
)

func run(args []string) ([]byte, error) {
	switch {
	case len(args) == 2 && args[0] == "kustomize":
		return render.Kustomize(args[1])
	case (len(args) == 4 || len(args) == 5) && args[0] == "helm":
		release := render.Release{Chart: args[1], Name: args[2], Namespace: args[3]}
		if len(args) == 5 {
			values, err := os.ReadFile(args[4])
			if err != nil {
				return nil, err
			}
			release.Values = string(values)
		}
		objects, _, err := render.Helm(release)
		return objects, err
	}
	return nil, fmt.Errorf("usage: render helm CHART NAME NAMESPACE [VALUES.yaml] | render kustomize DIR")
}

func main() {
	objects, err := run(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "render:", err)
		os.Exit(1)
	}
	os.Stdout.Write(objects)
}
