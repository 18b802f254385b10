#!/usr/bin/env bash
# Measures the product against its budgets; tests/bench-results.md has both.
#
#   tests/bench.sh [ingest|insights|fairness|agent|fleet|scale|compliance|collect] [--json|--markdown] [--findings NUMBER]
#
# Needs cargo, Python 3.11 and apt. What else it needs it installs: the databases to compare with, PostgreSQL by apt, DuckDB
# and the clients into .venv-bench. Everything runs on loopback in temporary folders. All of it takes about 20 minutes.
# Ends with 0 if it could measure, whether budgets are met or not.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

postgres() {
    [ -x /usr/lib/postgresql/15/bin/postgres ] && return
    local sudo=
    [ "$(id -u)" = 0 ] || sudo=sudo
    echo "==> PostgreSQL 15" >&2
    # Only the programs: the benchmark makes a cluster of its own.
    $sudo mkdir -p /etc/postgresql-common/createcluster.d
    echo "create_main_cluster = false" | $sudo tee /etc/postgresql-common/createcluster.d/muster-bench.conf >/dev/null
    $sudo apt-get install -y -qq postgresql-15 >/dev/null || { $sudo apt-get update -qq && $sudo apt-get install -y -qq postgresql-15 >/dev/null; }
}

packages() {
    local wanted=tests/bench/opponents/requirements.txt
    cmp -s "$wanted" .venv-bench/wanted && return
    echo "==> Python packages to compare with, into .venv-bench" >&2
    rm -rf .venv-bench
    python3 -m venv .venv-bench
    .venv-bench/bin/pip install --quiet --disable-pip-version-check -r "$wanted"
    cp "$wanted" .venv-bench/wanted
}

case "${1:-}" in
ingest) postgres && packages ;;
insights) packages ;;
agent | fleet | fairness | scale | compliance | collect) ;;
*) postgres && packages ;;
esac
cargo build --release --quiet --locked -p muster-admin -p muster-agent -p muster-bench
target="${CARGO_TARGET_DIR:-target}"
exec "$target/release/muster-bench" "$@"
