#!/bin/sh
# The C sources that clang-format looks at, one a line.
cd "$(dirname "$0")/.." && find src test bench -name '*.[ch]' | sort
