#!/bin/sh
# Runs tests and ends with one line: N passed, N failed, N skipped.
#   check   lint; sanitizer build; unit, loopback and golden tests, fuzz seeds
#   e2e     end-to-end tests with the release build
#   deploy  the image, and what installs it
#   cluster tests in a real cluster
#   endurance [BUILD]  what takes minutes: many connections through many changes, and idle ones
#   all     check, the release build, a clang build, end-to-end tests with release and sanitizer builds,
#           and beside them cluster, deploy
set -u
cd "$(dirname "$0")/.." || exit 1
results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT
failures=0

# step NAME COMMAND...: a step that fails counts as one failed test, and the others go on.
step() {
    name=$1
    began=$(date +%s)
    shift
    echo "== $name"
    "$@"
    status=$?
    echo "== $name: $(($(date +%s) - began)) s"
    [ $status = 0 ] && return
    echo "$name" >>"$results/failed-steps"
    failures=1
}

configure() { # DIR SETTINGS...
    dir=$1
    shift
    [ -f "$dir/build.ninja" ] || meson setup "$dir" "$@" >/dev/null
}

unit() {
    rm -f build-asan/meson-logs/testlog.json
    # Four times each test's own limit: a limit ends what hangs, and is no measure of a busy machine.
    meson test -C build-asan --no-rebuild --print-errorlogs --quiet --timeout-multiplier 4
    status=$?
    cp build-asan/meson-logs/testlog.json "$results/meson.json" 2>/dev/null || return 1
    return $status
}

# Builds give way to the tests that run beside them. The sanitizers' is optimized little, as half of it would be
# optimizing; clang's, which is for its warnings, not at all.
build_asan() {
    configure build-asan --optimization=1 -Ddebug=true -Dc_args=-g1 -Db_sanitize=address,undefined -Db_lundef=false &&
        nice ninja -C build-asan --quiet
}

build_clang() {
    CC=clang configure build-clang --optimization=0 && nice ninja -C build-clang --quiet
}

build_release() {
    make --no-print-directory build && ninja -C build --quiet test/diff/h1_judge &&
        tools/check-binary build/yett
}

e2e() { # BUILD
    go=$(tools/go.sh) || return 1
    (
        export YETT_BIN="$PWD/$1/yett" YETT_H1_JUDGE="$PWD/$1/test/diff/h1_judge"
        # Those that run beside others wait most of their time: more of them than processors.
        cd test/e2e && "$go" vet ./... && "$go" test -count=1 -parallel 12 -timeout=15m -json ./...
    ) >"$results/go-$1.json"
}

endurance() { # BUILD
    go=$(tools/go.sh) || return 1
    (
        export YETT_ENDURANCE=1 YETT_BIN="$(realpath "$1")/yett"
        cd test/e2e && "$go" test -count=1 -timeout=20m -json \
            -run 'TestConnectionsOutliveChanges|TestGRPCIdleStreams' .
    ) >"$results/go-endurance.json"
}

image() {
    tools/image.sh build/yett build yett
}

deploy() {
    go=$(tools/go.sh) || return 1
    (
        export CGO_ENABLED=0 # as for test/cluster, which shares most of what is compiled
        cd test/deploy && "$go" vet ./... && "$go" test -count=1 -timeout=15m -json ./...
    ) >"$results/go-deploy.json"
}

cluster() { # BUILD
    go=$(tools/go.sh) || return 1
    (
        export YETT_BIN="$PWD/$1/yett" YETT_IMAGE="$PWD/$1/image"
        export YETT_CLUSTER_BIN="$PWD/build-cluster/cluster" CGO_ENABLED=0
        # One package at a time: each starts a cluster. Those without tests would be built once more for nothing. Tests that
        # leave the API server and the nodes alone wait beside each other.
        cd test/cluster && "$go" vet ./... && tested=$("$go" list -f '{{if .TestGoFiles}}{{.ImportPath}}{{end}}' ./...) &&
            "$go" test -p 1 -count=1 -parallel 6 -timeout=20m -json $tested
    ) >"$results/go-cluster-$1.json"
}

run_deploy() {
    step "deploy: the image, and what installs it" deploy
}

run_cluster() {
    step "cluster build" nice tools/build-cluster.sh
    step "cluster: tests in a real cluster" cluster build
}

run_check() {
    step "sanitizer build" build_asan
    step "unit, loopback, golden, fuzz seeds" unit
}

run_release() {
    step "release build" build_release
    step "image" image
}

# The tests in the cluster and those from end to end wait much of their time, for an API server that is away and for
# others to give up: all else goes on beside them, and what is short follows the cluster's. A step that fails there is in
# failed-steps, too.
run_beside() {
    run_cluster
    run_deploy
}

run_all() {
    step "lint" tools/lint.sh
    run_release
    run_beside &
    step "end-to-end, release build" e2e build &
    run_check
    step "clang build" build_clang
    step "end-to-end, sanitizer build" e2e build-asan
    wait
}

case "${1:-all}" in
check)
    step "lint" tools/lint.sh
    run_check
    ;;
e2e)
    step "release build" build_release
    step "end-to-end, release build" e2e build
    ;;
endurance)
    step "endurance" endurance "${2:-build}"
    ;;
deploy)
    run_release
    run_deploy
    ;;
cluster)
    run_release
    run_cluster
    ;;
all) run_all ;;
*) echo "usage: tools/test.sh check|e2e|endurance|deploy|cluster|all" >&2; exit 2 ;;
esac

python3 tools/tally.py "$results" || failures=1
exit $failures
