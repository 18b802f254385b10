#!/usr/bin/env bash
# What cargo calls in place of rustc for the crates of the house (RUSTC_WORKSPACE_WRAPPER): the same, and every branch and
# comparison tells libFuzzer about itself. These are the flags that cargo-fuzz sets for everything.
# A build script runs without libFuzzer.
case " $* " in
*" --crate-name build_script_build "*) exec "$@" ;;
esac
exec "$@" -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares -Cllvm-args=-simplifycfg-branch-fold-threshold=0
