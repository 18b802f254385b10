#!/usr/bin/env bash
# Measures the product against its budgets; tests/bench-results.md has both.
#
#   tests/bench.sh [ingest|insights] [--json] [--findings NUMBER]
#
# Needs cargo and nothing else; everything runs on loopback in temporary folders.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

cargo build --release --quiet --locked -p muster-admin -p muster-bench
target="${CARGO_TARGET_DIR:-target}"
exec "$target/release/muster-bench" "$@"
