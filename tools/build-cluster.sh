#!/bin/sh
# Builds build-cluster/cluster, the Kubernetes that tests run, and build-cluster/render, which prints what the Helm chart
# installs. The first build takes a while, as it compiles all of Kubernetes; Go's cache has it after that.
set -eu
cd "$(dirname "$0")/.."
go=$(tools/go.sh)
mkdir -p build-cluster
cd test/cluster
# Without cgo nothing of the machine's C library gets in: Pods with a root of their own run some of these programs.
# The tests are built likewise, and so share what is compiled.
version=$("$go" list -m -f '{{.Version}}' k8s.io/kubernetes)
CGO_ENABLED=0 "$go" build -ldflags="-s -w -X k8s.io/component-base/version.gitVersion=$version" -o ../../build-cluster/ ./cmd/...
cd ../deploy
CGO_ENABLED=0 "$go" build -o ../../build-cluster/ ./cmd/render
