#!/bin/sh
# Format, rooms, banned calls and links. Exits 1 with every finding told.
cd "$(dirname "$0")/.." || exit 1
status=0

gofmt() {
    go=$(tools/go.sh) && "$("$go" env GOROOT)/bin/gofmt" -d test bench
}

tools/sources.sh | xargs clang-format --dry-run -Werror || status=1
laid_out=$(gofmt) && [ -z "$laid_out" ] || { echo "$laid_out"; status=1; }
tools/check-rooms || status=1
tools/check-calls || status=1
tools/check-links || status=1
[ $status = 0 ] && echo "lint: nothing to mend"
exit $status
