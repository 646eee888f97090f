#!/usr/bin/env bash
# Runs every fuzz target, or those that are named, for some seconds each, as many at once as there are cores (JOBS). What is
# kept in corpus/ is where each begins; what it finds worth keeping goes to target/fuzz/corpus, and an input that breaks
# something to target/fuzz/broken, by the target's name. `--keep` adds to corpus/ what reaches code that nothing there does.
set -euo pipefail
cd "$(dirname "$0")/.."
OUT=target/fuzz

one() {
    local target=$1 binary
    binary=$(echo $OUT/*/release/"$target")
    mkdir -p "$OUT/corpus/$target" "$OUT/broken"
    local limits=(-rss_limit_mb=1024 -timeout=10 -max_len=4096 "-artifact_prefix=$OUT/broken/$target-")
    if [ "$SPAN" = --keep ]; then
        "$binary" -merge=1 "${limits[@]}" "fuzz/corpus/$target" "$OUT/corpus/$target" >"$OUT/$target.log" 2>&1
        return
    fi
    if ! "$binary" "-max_total_time=$SPAN" -print_final_stats=1 "${limits[@]}" \
        "$OUT/corpus/$target" "fuzz/corpus/$target" >"$OUT/$target.log" 2>&1; then
        tail -n 60 "$OUT/$target.log"
        echo "$target is broken: the input is in $OUT/broken"
        return 1
    fi
    awk -v target="$target" '
        /executed_units/ { runs = $2 } /average_exec/ { rate = $2 } /new_units_added/ { new = $2 } / cov: / { cov = $4 }
        END { printf "%-12s %10d runs %8d a second %6d branches %5d new inputs\n", target, runs, rate, cov, new }
    ' "$OUT/$target.log"
}

SPAN=${1:?seconds for each target, or --keep}
shift
[ $# -gt 0 ] || set -- $(cd fuzz/targets && ls | sed 's/\.rs$//')
export -f one
export SPAN OUT
printf '%s\0' "$@" | xargs -0 -P "${JOBS:-$(nproc)}" -I{} bash -euo pipefail -c 'one {}'
