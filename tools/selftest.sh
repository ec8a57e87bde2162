#!/bin/sh
# The checks must be able to fail: each is run over a small tree with a fault in it, and without.
here=$(cd "$(dirname "$0")" && pwd)
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
mkdir -p "$tree/tools" "$tree/src/http" "$tree/src/proxy" "$tree/src/cli"
cp "$here/check-rooms" "$here/check-calls" "$here/check-links" "$here/tally.py" "$tree/tools/"
faults=0

# expect STATUS WHAT COMMAND...: the command ends with STATUS, and says WHAT.
expect() {
    wanted=$1 what=$2
    shift 2
    said=$("$@" 2>&1)
    status=$?
    case $said in *"$what"*) ;; *) status="$status, and did not say '$what'" ;; esac
    [ "$status" = "$wanted" ] && return
    echo "$*: ended with $status; wanted $wanted; it said: $said"
    faults=1
}

source_with() { printf '%s\n' "$2" >"$tree/src/$1"; }

source_with http/h1.c '#include "base/span.h"'
source_with cli/run.c '#include "proxy/main.h"'
expect 0 '' "$tree/tools/check-rooms"
source_with http/h1.c '#include "net/loop.h"'
expect 1 'src/http/h1.c:1: "net/loop.h"' "$tree/tools/check-rooms"
source_with http/h1.c '#include "chunked.h"'
expect 1 'not written from src/' "$tree/tools/check-rooms"
source_with http/h1.c ''
source_with cli/run.c '#include "proxy/worker.h"'
expect 1 'proxy/worker.h' "$tree/tools/check-rooms"
source_with cli/run.c ''
source_with proxy/main.c '#include "kube/types.h"'
expect 1 'kube/types.h' "$tree/tools/check-rooms"

source_with proxy/main.c 'a->free(x); mem_free(y); /* malloc(3) */ say("strtol(");'
expect 0 '' "$tree/tools/check-calls"
source_with proxy/main.c 'x = malloc (3);'
expect 1 'src/proxy/main.c:1: malloc()' "$tree/tools/check-calls"
source_with proxy/main.c '/* two
lines */ if (strtol(x, 0, 10))'
expect 1 'src/proxy/main.c:2: strtol()' "$tree/tools/check-calls"

mkdir "$tree/docs" "$tree/test" "$tree/bench"
printf '%s\n' '[a page](docs/a.md#part), [elsewhere](https://example.com/b.md)' >"$tree/README.md"
touch "$tree/docs/a.md" "$tree/ARCHITECTURE.md" "$tree/Makefile"
source_with proxy/main.c '/* See docs/a.md */'
expect 0 '' "$tree/tools/check-links"
printf '## Part\n' >"$tree/docs/a.md"
source_with proxy/main.c '/* See docs/a.md, "Part" */'
expect 0 '' "$tree/tools/check-links"
source_with proxy/main.c '/* See docs/a.md, "Partial" */'
expect 1 'src/proxy/main.c:1: docs/a.md has no part "Partial"' "$tree/tools/check-links"
source_with proxy/main.c '/* See docs/b.md */'
expect 1 'src/proxy/main.c:1: docs/b.md is not there' "$tree/tools/check-links"
source_with proxy/main.c ''
printf '%s\n' '' '[a page](../README.md), [a page](b.md)' >"$tree/docs/a.md"
expect 1 './docs/a.md:2: b.md is not there' "$tree/tools/check-links"

mkdir "$tree/results"
expect 1 '0 passed, 0 failed, 0 skipped' python3 "$tree/tools/tally.py" "$tree/results"
printf '%s\n' '{"name":"a","result":"OK"}' \
    '{"name":"b","result":"SKIP","stdout":"[1]\n","stderr":"no Landlock\n"}' \
    >"$tree/results/meson.json"
expect 0 'skipped: b: no Landlock
1 passed, 0 failed, 1 skipped' python3 "$tree/tools/tally.py" "$tree/results"
printf '%s\n' '{"Action":"fail","Package":"p","Test":"TestX"}' '{"Action":"fail","Package":"p"}' \
    >"$tree/results/go.json"
expect 1 '1 passed, 1 failed, 1 skipped' python3 "$tree/tools/tally.py" "$tree/results"
echo 'clang build' >"$tree/results/failed-steps"
expect 1 '1 passed, 2 failed, 1 skipped' python3 "$tree/tools/tally.py" "$tree/results"

exit $faults
