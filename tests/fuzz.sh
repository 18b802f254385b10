#!/usr/bin/env bash
# Runs the fuzz targets, two at a time, and fails if one finds something.
# Usage: tests/fuzz.sh [TARGET...] [--seconds N] [--all] [--build] [--minimize]
#        tests/fuzz.sh TARGET --input FILE
#   --seconds N   how long each runs (60)
#   --all         instruments the dependencies too, with cargo-fuzz: slower to build, sees further
#   --build       runs nothing
#   --minimize    runs nothing; takes what was found into the committed corpora, as few inputs as reach the same code
#   --input FILE  runs one input, such as one that a run named
# Needs a stable Rust and g++. What a run finds of new inputs stays in target/fuzz.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

targets=() seconds=60 all= only_build= minimize= input=
known=(asff blocks certificates config filters invitation mappings uplink)
while [ $# -gt 0 ]; do
    case $1 in
    --seconds) seconds=$2 && shift ;;
    --input) input=$2 && shift ;;
    --all) all=1 ;;
    --build) only_build=1 ;;
    --minimize) minimize=1 ;;
    -*) sed -n '2,10s/^# //p' "$0" && exit 2 ;;
    *) targets+=("$1") ;;
    esac
    shift
done
[ ${#targets[@]} -gt 0 ] || targets=("${known[@]}")

# The programs, in $bin.
build() {
    if [ -n "$all" ]; then
        export PATH=$PWD/.tools/bin:$PATH CARGO_PROFILE_RELEASE_LTO=off
        cargo fuzz --version >/dev/null 2>&1 || cargo install --quiet --locked --root .tools cargo-fuzz
        cargo fuzz build --fuzz-dir tests/fuzz --features libfuzzer --sanitizer none --no-cfg-fuzzing \
            --codegen-units 16 --target-dir target/fuzz/all
        bin=target/fuzz/all/x86_64-unknown-linux-gnu/release
    else
        # Only the crates of the house are built anew; their dependencies are those of the tests. The two largest are not worth
        # the time to optimize them.
        RUSTC_WORKSPACE_WRAPPER=$PWD/tests/fuzz/instrument.sh cargo build --locked --quiet --workspace \
            --config profile.dev.package.muster-admin.opt-level=0 --config profile.dev.package.muster-agent.opt-level=0 \
            --features muster-fuzz/libfuzzer "${known[@]/#/--bin=}"
        bin=target/debug
    fi
}

# Runs a target: run TARGET.
run() {
    local target=$1 log=target/fuzz/$1.log dictionary=()
    local found=target/fuzz/corpus/$target artifacts=tests/fuzz/artifacts/$target
    mkdir -p "$found" "$artifacts"
    [ ! -e "tests/fuzz/dictionaries/$target.dict" ] || dictionary=("-dict=tests/fuzz/dictionaries/$target.dict")
    ulimit -v 6000000
    if "$bin/$target" "$found" "tests/fuzz/corpus/$target" "${dictionary[@]}" -max_total_time="$seconds" \
        -max_len=16384 -timeout=60 -rss_limit_mb=1500 -print_final_stats=1 \
        -artifact_prefix="$artifacts/" >"$log" 2>&1; then
        local end='no crash'
    else
        local end='CRASHED'
    fi
    printf '%-13s %9s executions, coverage %s, corpus %s inputs: %s\n' "$target" \
        "$(sed -n 's/^stat::number_of_executed_units: //p' "$log")" \
        "$(grep -o ' cov: [0-9]*' "$log" | tail -1 | tr -dc 0-9)" \
        "$(grep -o ' corp: [0-9]*' "$log" | tail -1 | tr -dc 0-9)" "$end"
    [ "$end" = 'no crash' ] || {
        local crash
        crash=$(sed -n 's/.*Test unit written to //p' "$log" | tail -1)
        grep -m1 -A3 'panicked at\|ERROR: libFuzzer' "$log" || tail -5 "$log"
        echo "the input is ${crash:-none}; again: tests/fuzz.sh $target --input ${crash:-FILE}"
        return 1
    }
}

build
[ -z "$only_build" ] || exit 0
mkdir -p target/fuzz
if [ -n "$input" ]; then
    exec "$bin/${targets[0]}" "$input"
fi
if [ -n "$minimize" ]; then
    for target in "${targets[@]}"; do
        fewer=$(mktemp -d target/fuzz/fewer.XXXX)
        mkdir -p "target/fuzz/corpus/$target"
        "$bin/$target" -set_cover_merge=1 -use_counters=0 -max_len=16384 "$fewer" "tests/fuzz/corpus/$target" "target/fuzz/corpus/$target" 2>/dev/null
        rm -rf "tests/fuzz/corpus/$target"
        mv "$fewer" "tests/fuzz/corpus/$target"
        chmod 755 "tests/fuzz/corpus/$target"
        echo "$target: $(find "tests/fuzz/corpus/$target" -type f | wc -l) inputs, $(du -sk "tests/fuzz/corpus/$target" | cut -f1) KB"
    done
    exit
fi
rm -f target/fuzz/*.failed
for target in "${targets[@]}"; do
    while [ "$(jobs -rp | wc -l)" -ge 2 ]; do wait -n || true; done
    { run "$target" || touch "target/fuzz/$target.failed"; } &
done
wait
! ls target/fuzz/*.failed >/dev/null 2>&1
