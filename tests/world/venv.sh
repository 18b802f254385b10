#!/usr/bin/env bash
# Makes .venv in the checkout: Python with what the stand-in for AWS needs, and what the Python client needs. Does nothing
# if it is there and up to date.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
venv=$(cd "$here/../.." && pwd)/.venv
wanted=$(cat "$here/requirements.txt" "$here/requirements-client.txt")

if [ -x "$venv/bin/python" ] && [ "$(cat "$venv/wanted" 2>/dev/null)" = "$wanted" ]; then
    exit 0
fi
echo "==> Python packages for the stand-in for AWS, into .venv" >&2
rm -rf "$venv"
python3 -m venv "$venv"
"$venv/bin/pip" install --quiet --disable-pip-version-check \
    -r "$here/requirements.txt" -r "$here/requirements-client.txt"
printf '%s\n' "$wanted" >"$venv/wanted"
