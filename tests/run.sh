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
    cargo install --quiet --locked --debug --root .tools "$name"
}

# What computes runs beside what mostly waits, and yields to it: beside COMMAND..., until `joined`, which tells what came of it.
beside() {
    set -m
    {
        renice -n 19 "$BASHPID" >/dev/null
        "$@"
    } >target/beside.log 2>&1 &
    other=$!
    set +m
    trap 'kill -- "-$other" 2>/dev/null || true' EXIT
}
joined() {
    local failed=0
    wait "$other" || failed=1
    kill -- "-$other" 2>/dev/null || true
    trap - EXIT
    cat target/beside.log
    return "$failed"
}

step "tools"
export PATH=$PWD/.tools/bin:$PATH CARGO_TERM_COLOR=never
# What is built only once gains nothing from what helps the next time, and a debugger.
export CARGO_INCREMENTAL=0 CARGO_PROFILE_DEV_CODEGEN_UNITS=4 CARGO_PROFILE_DEV_DEBUG=false
# A panic shows its way; an error that a library makes and drops while it reads does not look for one.
export RUST_BACKTRACE=1 RUST_LIB_BACKTRACE=0
if [ ! -e /usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1 ] || [ ! -x /usr/sbin/nft ]; then
    sudo=
    [ "$(id -u)" = 0 ] || sudo=sudo
    install() { $sudo apt-get install -y -qq faketime nftables >/dev/null; }
    install || { $sudo apt-get update -qq && install; }
fi
tests/world/venv.sh
tool cargo-nextest cargo nextest --version

step "build"
cargo fmt --all --check
cargo build --locked --workspace --all-targets

step "lints"
cargo clippy --locked --workspace --all-targets -- -D warnings
# As they are built for use: without what only tests ask of the crates they stand on.
cargo check --locked --quiet --bins -p muster-admin -p muster-cli -p muster-agent

dependencies() {
    tool cargo-deny cargo deny --version
    cargo fetch --locked --quiet
    cargo deny --offline check --hide-inclusion-graph bans licenses sources
}
dependencies_and_stand_in() {
    dependencies &
    local dependencies=$!
    (cd tests/world && exec ../../.venv/bin/python -m unittest -q check_stand_in)
    wait "$dependencies"
}
step "tests; beside them the dependencies, and the stand-in for AWS"
beside dependencies_and_stand_in
cargo nextest run --locked --workspace --test-threads $(($(nproc) + 1))
cargo test --locked --workspace --doc --quiet
joined

simulate() { MUSTER_SEEDS=10000 cargo test --locked --workspace --test seeds --quiet -- --nocapture "$1"; }
step "the simulation"
simulate nothing_acknowledged_is_lost

export MUSTER_PROGRAMS=$PWD/target/debug
# The same chances each time; a full run draws its own.
faults() { tests/faults.sh --rounds 8 --seed 1721934863647682752 "$@"; }
step "faults of the network, a short round; beside them the simulation of configuration"
beside simulate nothing_acknowledged_of_configuration
faults network
joined

step "the other faults; beside them the fuzz targets, built and run"
beside tests/fuzz.sh --seconds 60
faults kills configuration fail-points dark-points power damage full-disk slow-disk clocks backups
step "the rest of the fuzzing"
joined

step "the demo"
deploy/demo.sh --once >.demo.log 2>&1 || {
    cat .demo.log
    exit 1
}
tail -n 4 .demo.log
rm -f .demo.log

step "everything passed"
