#!/bin/sh
# The C sources that the formatter and the checks look at, one a line.
cd "$(dirname "$0")/.." && find src test bench -name '*.[ch]' | sort
