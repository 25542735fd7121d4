#!/bin/sh
# The main job, from nothing to a read-back: a server of its own under .demo, three zones, a volume, two tasks.
set -eu
PATH="$(cd "$1" && pwd):$PATH"
cd "$(dirname "$0")/.."
ATOLL_HOME="$PWD/.demo"
export ATOLL_HOME
unset ATOLL_SERVER_URL ATOLL_TOKEN ATOLL_PROJECT || true

finish() {
    status=$?
    trap - EXIT INT TERM
    atoll delete -f examples/read-back.atoll.yml -y >/dev/null 2>&1 || true
    atoll delete -f examples/quickstart.atoll.yml -y >/dev/null 2>&1 || true
    atoll server stop >/dev/null 2>&1 || true
    rm -rf "$ATOLL_HOME"
    exit "$status"
}
trap finish EXIT INT TERM

say() {
    printf '\n$ %s\n' "$*"
    "$@"
}

rm -rf "$ATOLL_HOME"
say atoll apply -f examples/quickstart.atoll.yml -y
say atoll fleet
say atoll volume
say atoll ps -a
say atoll apply -f examples/read-back.atoll.yml -y
printf '\nThe demo deletes what it made. Next, on a server of your own:\n'
printf '  %s apply -f examples/quickstart.atoll.yml\n' "$1/atoll"
printf '  %s web    # the zone map in a browser\n' "$1/atoll"
