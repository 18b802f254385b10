#!/usr/bin/env bash
# The long run: the real server under a paced load, with restarts; tells what grows and whether anything was lost.
# tests/long-run.md has the last figures, tests/long-run.svg the picture.
#
#   tests/long.sh [--minutes NUMBER] [--agents NUMBER] [--rate NUMBER] [--out FOLDER]
#   tests/long.sh --draw CSV [--out FOLDER]        draws and judges the samples of an earlier run
#
# Takes two hours and about a tenth of a core. Needs cargo, and Python for the stand-in for AWS.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

tests/world/venv.sh
cargo build --release --quiet --locked -p muster-admin -p muster-agent -p muster-cli -p muster-long
target="${CARGO_TARGET_DIR:-target}"
exec nice -n 10 "$target/release/muster-long" "$@"
