#!/bin/bash
# `npm run test:openstack [-- FILTER...]`: sets up what is missing, stands a real OpenStack up, runs everything that is
# tested beside it, and takes it down again, unless it ran before. The last line says how many passed and failed.
#
#   VARVE_OPENSTACK_DIR=DIR   another state folder than /var/tmp/varve-openstack
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
fail() { echo "0 passed, 1 failed"; exit 1; }
# Then once more, below a process that reaps what outlives its parent: see `tini` in setup.sh.
if [ -z "${VARVE_REAPED:-}" ]; then
  scripts/setup.sh --build --dashboard --openstack || fail
  VARVE_REAPED=1 exec tini -s -- bash scripts/test-openstack.sh "$@"
fi
export PATH="$PWD/node_modules/.bin:$PATH" # Node 24, whatever the system's is

reports=$(mktemp -d)
ours=
clean_up() {
  rm -rf "$reports"
  [ -z "$ours" ] || node testbed/openstack/cli.ts down --purge
}
trap clean_up EXIT
trap 'exit 130' INT TERM

if node testbed/openstack/cli.ts status | grep -q '^no cloud runs'; then
  ours=yes
  node testbed/openstack/cli.ts up || fail
fi
vitest run --project openstack --reporter=default --reporter=json --outputFile.json="$reports/openstack.json" "$@"
echo $? >"$reports/openstack.status"
[ -z "$ours" ] || {
  ours=
  if node testbed/openstack/cli.ts down --purge; then echo passed; else echo failed; fi >"$reports/down.check"
}
node scripts/sum-up.ts "$reports"
