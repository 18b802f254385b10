#!/usr/bin/env bash
# Breaks what the product runs on, with the real binaries; tests/faults.md has what the last full run came to.
#
#   tests/faults.sh [--rounds NUMBER] [--seed NUMBER] [NAME...]        --list tells the names
#
# MUSTER_PROGRAMS=FOLDER takes the programs from there and builds none.
# Needs what tests/run.sh installs. Where it may, it runs in a mount namespace of its own, so that its small disks go with it,
# and in a network of its own, so that packets get lost on nobody else.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# As tests/run.sh does, so that nothing is built twice.
[ -n "${MUSTER_PROGRAMS:-}" ] || cargo build --quiet --locked --workspace --all-targets
faults="${MUSTER_PROGRAMS:-${CARGO_TARGET_DIR:-target}/debug}/muster-faults"
[ -x "$faults" ] || { echo "there is no $faults, where MUSTER_PROGRAMS says that the programs are" >&2 && exit 1; }
export PATH=$PATH:/usr/sbin:/sbin
alone=(unshare --mount --net)
[ "$(id -u)" = 0 ] || alone=(unshare --mount --net --map-root-user)
"${alone[@]}" ip link set lo up 2>/dev/null || exec "$faults" "$@"
exec "${alone[@]}" sh -c 'ip link set lo up && exec "$@"' sh "$faults" "$@"
