#!/bin/sh
# Runs every fuzz target with libFuzzer for a while: tools/fuzz.sh [SECONDS-EACH]
# New inputs that reach new code are kept in build/fuzz/corpus; a crash is written to build/fuzz and
# becomes a seed under test/fuzz/<room>/seeds/<target>, with its fix.
set -eu
cd "$(dirname "$0")/.."

seconds=${1:-60}
build=build/fuzz
command -v clang >/dev/null || { echo "fuzz.sh: clang is missing: apt install clang" >&2; exit 1; }

if [ ! -f $build/build.ninja ]; then
    CC=clang meson setup $build -Dfuzz=true -Db_sanitize=address,undefined -Db_lundef=false \
        --buildtype=debugoptimized -Dc_args=-fsanitize=fuzzer-no-link >/dev/null
fi
ninja -C $build -t targets all | sed -n 's/^\(test\/fuzz\/fuzz_[a-z0-9_]*\):.*/\1/p' | sort -u >$build/targets
# shellcheck disable=SC2046
ninja -C $build -j2 $(cat $build/targets) >/dev/null

while read -r target; do
    name=${target##*/fuzz_}
    seeds=test/fuzz/${name%%_*}/seeds/${name#*_}
    mkdir -p $build/corpus/"$name"
    echo "== $name, $seconds s"
    $build/"$target" -max_total_time="$seconds" -max_len=8192 -print_final_stats=0 -verbosity=0 \
        -artifact_prefix=$build/"$name"- $build/corpus/"$name" "$seeds"
done <$build/targets
