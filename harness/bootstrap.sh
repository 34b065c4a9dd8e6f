#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Make .venv from requirements.lock. Quick and silent when it is up to date.
set -eu
cd "$(dirname "$0")/.."

wanted=$(cat harness/bootstrap.sh pyproject.toml requirements.lock | sha256sum | cut -c1-64)
if [ "$(cat .venv/made-from 2>/dev/null)" = "$wanted" ] && .venv/bin/python -c '' 2>/dev/null; then
	exit 0
fi

root=
[ "$(id -u)" = 0 ] || root=sudo

# Run a command; print its output only if it fails.
quietly() {
	said=$("$@" 2>&1) || {
		printf '%s\n🦙 failed: %s\n' "$said" "$*" >&2
		exit 1
	}
}

missing=
for package in python3 python3-venv ca-certificates; do
	[ "$(dpkg-query -Wf '${db:Status-Status}' $package 2>/dev/null)" = installed ] ||
		missing="$missing $package"
done
if [ -n "$missing" ]; then
	echo "🦙 installing$missing" >&2
	quietly $root apt-get -qq update
	# shellcheck disable=SC2086 # a list
	quietly $root env DEBIAN_FRONTEND=noninteractive \
		apt-get -qq install -y --no-install-recommends $missing
fi

# Use the system's Python: another one on the path may lack ensurepip or be too old.
python=/usr/bin/python3
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
	echo "🦙 $python is older than 3.11: Debian 12 or newer is needed" >&2
	exit 1
}

echo "🦙 making .venv" >&2
.venv/bin/python -c '' 2>/dev/null || "$python" -m venv --clear .venv
install() {
	quietly .venv/bin/python -m pip install -qq --disable-pip-version-check "$@"
}
install --require-hashes --requirement requirements.lock
install --no-index --no-deps --no-build-isolation --editable .
printf '%s\n' "$wanted" >.venv/made-from
