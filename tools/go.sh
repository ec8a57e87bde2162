#!/bin/sh
# Prints the Go (>= 1.26) that tests and benchmarks use: the one on the machine, or that of tools/deps.sh.
cd "$(dirname "$0")/.." || exit 1

new_enough() {
    version=$("$1" env GOVERSION 2>/dev/null) || return 1
    minor=${version#go1.}
    minor=${minor%%[!0-9]*}
    [ -n "$minor" ] && [ "$minor" -ge 26 ]
}

for go in "$(command -v go)" /usr/local/go/bin/go "$PWD"/.deps/venv/bin/go; do
    [ -x "$go" ] && new_enough "$go" && echo "$go" && exit 0
done
echo "there is no Go >= 1.26; 'make deps' gets one" >&2
exit 1
