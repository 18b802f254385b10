#!/usr/bin/env bash
# Muster on one machine: an admin, three AWS accounts (a stand-in plays AWS) and an agent in each, from nothing to ranked
# findings and scores. Usage: deploy/demo.sh [--once]. It stays up until Ctrl-C; --once ends when everything was shown.
# Everything it makes is in .demo, target and .venv of the checkout; everything it starts it also stops.
# MUSTER_PROGRAMS=FOLDER takes the programs from there and builds none.
set -euo pipefail

once=no
case "${1:-}" in
    "") ;;
    --once) once=yes ;;
    *)
        echo "usage: deploy/demo.sh [--once]" >&2
        exit 2
        ;;
esac

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
demo=$root/.demo
run=$demo/run
bin=${MUSTER_PROGRAMS:-$root/target/debug}
accounts=(111122223333 222233334444 333344445555)
profiles=(bad mixed hardened)
pids=()

bold='' dim='' plain=''
if [ -t 1 ]; then bold=$'\033[1m' dim=$'\033[2m' plain=$'\033[0m'; fi
say() { printf '\n%s==> %s%s\n' "$bold" "$*" "$plain"; }
command_line() { printf '%s$ %s%s\n' "$dim" "$*" "$plain"; }
show() {
    command_line "$@"
    "$@"
}
fail() {
    echo "demo: $*" >&2
    exit 1
}

stop_all() {
    code=$?
    trap - EXIT INT TERM
    if [ "${#pids[@]}" -gt 0 ]; then
        say "stopping what was started"
        # Agents first, then the admin, then AWS.
        for ((i = ${#pids[@]} - 1; i >= 0; i--)); do
            kill "${pids[i]}" 2>/dev/null || true
            wait "${pids[i]}" 2>/dev/null || true
        done
    fi
    rm -f "$demo/pid"
    exit "$code"
}
trap stop_all EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# start LOG COMMAND...: in the background, its output in a file.
start() {
    local log=$1
    shift
    "$@" >>"$log" 2>&1 &
    pids+=($!)
}

# until_true SECONDS WHAT COMMAND...: looks until the command succeeds.
until_true() {
    local deadline=$((SECONDS + $1)) what=$2
    shift 2
    until "$@" >/dev/null 2>&1; do
        [ $SECONDS -lt $deadline ] || fail "$what did not happen in time; the logs are in $run"
        sleep 0.2
    done
}

mkdir -p "$demo"
if [ -f "$demo/pid" ] && kill -0 "$(cat "$demo/pid")" 2>/dev/null; then
    fail "the demo runs already, as process $(cat "$demo/pid")"
fi
echo $$ >"$demo/pid"
rm -rf "$run"
mkdir -p "$run"

for needed in cargo python3; do
    command -v $needed >/dev/null || fail "there is no $needed; install it and try again"
done

if [ -n "${MUSTER_PROGRAMS:-}" ]; then
    for program in muster muster-admin muster-agent; do
        [ -x "$bin/$program" ] || fail "there is no $program in $bin, which MUSTER_PROGRAMS names"
    done
else
    say "building (the first time takes about ten minutes on two cores)"
    # There, since .cargo/config.toml counts where one stands.
    (cd "$root" && cargo build --locked --bins -p muster-admin -p muster-cli -p muster-agent)
fi
"$root/tests/world/venv.sh"
python=$root/.venv/bin/python

say "starting the stand-in for AWS"
start "$run/aws.log" "$python" "$root/tests/world/stand_in.py" --port 0 --quiet --ready-file "$run/aws.json"
until_true 60 "the start of the stand-in" test -f "$run/aws.json"
aws=http://127.0.0.1:$("$python" -c 'import json,sys; print(json.load(open(sys.argv[1]))["port"])' "$run/aws.json")
seeds=()
for i in "${!accounts[@]}"; do seeds+=(--account "${accounts[i]}:${profiles[i]}"); done
"$python" "$root/tests/world/seed.py" --endpoint "$aws" --out "$run/seed" "${seeds[@]}"

say "making the admin and starting it"
export PATH=$bin:$PATH MUSTER_CREDENTIAL=$run/operator.toml MUSTER_ADMIN_DATA_DIR=$run/admin
export MUSTER_ADMIN_STS__ENDPOINT=$aws
read -r enrollment agents operators metrics < <("$python" -c '
import socket
held = [socket.create_server(("127.0.0.1", 0)) for _ in range(4)]
print(*(s.getsockname()[1] for s in held))')
export MUSTER_ADMIN_LISTEN__ENROLLMENT=127.0.0.1:$enrollment MUSTER_ADMIN_LISTEN__AGENTS=127.0.0.1:$agents
export MUSTER_ADMIN_LISTEN__OPERATORS=127.0.0.1:$operators MUSTER_ADMIN_LISTEN__METRICS=127.0.0.1:$metrics
show muster-admin init --trust-domain demo.example --credential "$run/operator.toml"
start "$run/admin.log" muster-admin serve
until_true 30 "the start of the admin" muster status

say "inviting three accounts"
show muster member create "${accounts[@]}"
command_line muster member invite "${accounts[@]}" -o json
muster member invite "${accounts[@]}" -o json >"$run/invitations.json"
show muster member list

say "accepting in each account, and starting its agent"
for i in "${!accounts[@]}"; do
    account=${accounts[i]}
    state=$run/agent-$account
    invitation=$("$python" -c '
import json, sys
print(next(sent["invitation"] for sent in json.load(open(sys.argv[1])) if sent["account"] == sys.argv[2]))' \
        "$run/invitations.json" "$account")
    # What an instance role or a container would give to an agent.
    agent_env=(AWS_SHARED_CREDENTIALS_FILE="$run/seed/$account/credentials" AWS_REGION=us-east-1
        AWS_ENDPOINT_URL="$aws" AWS_EC2_METADATA_DISABLED=true MUSTER_AGENT_STATE_DIR="$state")
    command_line muster-agent accept "'${invitation:0:40}...'"
    env "${agent_env[@]}" muster-agent accept - <<<"$invitation"
    mkdir -p "$state/drop"
    cp "$run/seed/$account/drop/"*.json "$state/drop/"
    start "$run/agent-$account.log" env "${agent_env[@]}" muster-agent run
done

say "waiting until every finding of every account is in"
total=$("$python" -c 'import json,sys; print(json.load(open(sys.argv[1]))["total"])' "$run/seed/expected.json")
all_in() { [ "$(muster finding count --field 'CompanyName!=Muster' -o json | "$python" -c 'import json,sys; print(json.load(sys.stdin)["total"])')" = "$total" ]; }
until_true 120 "the arrival of $total findings" all_in
show muster status

say "what matters, over all accounts"
for insight in managed-29 managed-27 managed-1 managed-16 managed-12; do
    show muster insight show $insight --limit 5
    echo
done
show muster finding list --severity critical --workflow new --limit 5

say "waiting until every account's configuration is read and judged"
read_and_judged() {
    for account in "${accounts[@]}"; do
        MUSTER_AGENT_STATE_DIR=$run/agent-$account muster-agent status --json | "$python" -c '
import json, sys
surveys = [c for c in json.load(sys.stdin)["snapshot"]["collectors"] if c["collector"].startswith("config-")]
sys.exit(len(surveys) < 10 or any(c["state"] == "pending" for c in surveys))' || return 1
    done
    "$python" -c '
import sys, urllib.request
lines = urllib.request.urlopen("http://127.0.0.1:" + sys.argv[1] + "/metrics").read().decode().splitlines()
told = dict(line.rsplit(" ", 1) for line in lines if line.startswith(("muster_inventory_position ", "muster_compliance_position ")))
sys.exit(len(told) < 2 or len(set(told.values())) > 1)' "$metrics"
}
until_true 180 "the judgment" read_and_judged
show muster resource list --count account,type --limit 6
for account in "${accounts[@]}"; do
    for standard in cis-3.0.0 fsbp; do
        show muster standard score $standard --account "$account" | sed -n 1,5p
    done
done
show muster standard score cis-3.0.0 --failed --limit 8
show muster standard score cis-3.0.0 --accounts
show muster report --standard cis-3.0.0 --out "$run/report"

if [ $once = yes ]; then
    say "done"
    exit 0
fi
say "the demo is up; in another terminal:"
cat <<END
export PATH=$bin:\$PATH MUSTER_CREDENTIAL=$run/operator.toml
muster status
muster insight list
muster insight watch managed-29
muster finding list --severity high,critical --not-product Prowler
muster finding update --severity low --set-workflow suppressed --yes
muster standard score cis-3.0.0 --account 333344445555
muster control disable S3.20 --reason 'versions are deleted by a job' --account 222233334444
muster resource history arn:aws:iam::111122223333:user/ada.quill
muster audit list
END
echo
echo "Ctrl-C stops it."
while :; do
    for pid in "${pids[@]}"; do
        kill -0 "$pid" 2>/dev/null || fail "a process of the demo has ended; the logs are in $run"
    done
    sleep 1
done
