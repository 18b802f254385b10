#!/usr/bin/env bash
# Breaks what the product runs on, with the real binaries; tests/faults.md has what the last full run came to.
#
#   tests/faults.sh [--rounds NUMBER] [--seed NUMBER] [NAME...]        --list tells the names
#
# Needs what tests/run.sh installs. Where it may, it runs in a mount namespace of its own, so that its small disks go with it,
# and in a network of its own, so that packets get lost on nobody else.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# As tests/run.sh does, so that nothing is built twice.
cargo build --quiet --locked --workspace --all-targets
faults="${CARGO_TARGET_DIR:-target}/debug/muster-faults"
export PATH=$PATH:/usr/sbin:/sbin
alone=(unshare --mount --net)
[ "$(id -u)" = 0 ] || alone=(unshare --mount --net --map-root-user)
"${alone[@]}" ip link set lo up 2>/dev/null || exec "$faults" "$@"
exec "${alone[@]}" sh -c 'ip link set lo up && exec "$@"' sh "$faults" "$@"
