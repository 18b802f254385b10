#!/usr/bin/env bash
# Everything that has to pass, from a clean clone. Usage: tests/run.sh
# Needs Rust, Python 3.11 and apt; what else it needs it installs: into .venv, .tools, and libfaketime and nftables by apt.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

step() { printf '\n==> %s (%d min %02d s)\n' "$*" $((SECONDS / 60)) $((SECONDS % 60)); }

# A tool from crates.io, unless the machine has it: tool NAME COMMAND... Unoptimized: it runs for seconds.
tool() {
    local name=$1
    shift
    "$@" >/dev/null 2>&1 && return
    echo "installing $name into .tools"
    CARGO_PROFILE_DEV_DEBUG=false cargo install --quiet --locked --debug --root .tools "$name"
}

step "tools"
# What is built only once gains nothing from what makes the next time quicker.
export PATH=$PWD/.tools/bin:$PATH CARGO_TERM_COLOR=never CARGO_INCREMENTAL=0
if [ ! -e /usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1 ] || [ ! -x /usr/sbin/nft ]; then
    sudo=
    [ "$(id -u)" = 0 ] || sudo=sudo
    install() { $sudo apt-get install -y -qq faketime nftables >/dev/null; }
    install || { $sudo apt-get update -qq && install; }
fi
tests/world/venv.sh
tool cargo-nextest cargo nextest --version
tool cargo-deny cargo deny --version

step "form"
cargo fmt --all --check
cargo fetch --locked --quiet
cargo deny --offline check --hide-inclusion-graph bans licenses sources

step "build"
cargo build --locked --workspace --all-targets

step "lints, and the stand-in for AWS"
(cd tests/world && exec ../../.venv/bin/python -m unittest -q check_stand_in) &
proof=$!
trap 'kill "$proof" 2>/dev/null || true' EXIT
cargo clippy --locked --workspace --all-targets -- -D warnings
# As they are built for use: without what only tests ask of the crates they stand on.
cargo check --locked --quiet --bins -p muster-admin -p muster-cli -p muster-agent
wait "$proof"
trap - EXIT

step "tests"
# One more than cores: many wait.
cargo nextest run --locked --workspace --test-threads $(($(nproc) + 1))
cargo test --locked --workspace --doc --quiet

step "the simulation"
MUSTER_SEEDS=10000 cargo test --locked --workspace --test seeds --quiet -- --nocapture --test-threads 1 nothing_acknowledged

export MUSTER_PROGRAMS=$PWD/target/debug
# The same chances each time; a full run draws its own.
faults() { tests/faults.sh --rounds 8 --seed 1721934863647682752 "$@"; }
step "faults of the network, a short round"
faults network

# The others mostly wait; building the fuzz targets and fuzzing never do.
step "the other faults, and fuzzing"
mkdir -p target/fuzz
set -m
nice -n 19 tests/fuzz.sh --seconds 60 >target/fuzz/all.log 2>&1 &
fuzzing=$!
set +m
trap 'kill -- "-$fuzzing" 2>/dev/null || true' EXIT
faults kills configuration fail-points dark-points power damage full-disk slow-disk clocks backups
step "the rest of the fuzzing"
wait "$fuzzing" || {
    cat target/fuzz/all.log
    exit 1
}
trap - EXIT
cat target/fuzz/all.log

step "the demo"
deploy/demo.sh --once >.demo.log 2>&1 || {
    cat .demo.log
    exit 1
}
tail -n 4 .demo.log
rm -f .demo.log

step "everything passed"
