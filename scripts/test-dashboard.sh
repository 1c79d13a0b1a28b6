#!/bin/bash
# `npm run test:dashboard [-- FILTER...]`: sets up what is missing, then has a real browser use the dashboard of the whole
# product, with real guests. The last line says how many passed and failed.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# Then once more, below a process that reaps what outlives its parent: see `tini` in setup.sh.
if [ -z "${VARVE_REAPED:-}" ]; then
  scripts/setup.sh --build --dashboard || { echo "0 passed, 1 failed"; exit 1; }
  VARVE_REAPED=1 exec tini -s -- bash scripts/test-dashboard.sh "$@"
fi
export PATH="$PWD/node_modules/.bin:$PATH" # Node 24, whatever the system's is

reports=$(mktemp -d)
trap 'rm -rf "$reports"' EXIT
vitest run --project dashboard --reporter=default --reporter=json --outputFile.json="$reports/dashboard.json" "$@"
echo $? >"$reports/dashboard.status"
node scripts/sum-up.ts "$reports"
