#!/bin/bash
# `npm test`: sets up what is missing, then checks and tests everything. A failed stage doesn't keep the others from
# running. The last line says how many passed and failed; the checks count as one test each.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# Then once more, below a process that reaps what outlives its parent: see `tini` in setup.sh.
if [ -z "${VARVE_REAPED:-}" ]; then
  scripts/setup.sh || { echo '0 passed, 1 failed'; exit 1; }
  VARVE_REAPED=1 exec tini -s -- bash scripts/test.sh "$@"
fi
export PATH="$PWD/node_modules/.bin:$PATH" # Node 24, whatever the system's is

reports=$(mktemp -d)
trap 'rm -rf "$reports"' EXIT

# check NAME COMMAND...: one test, passed when the command is.
check() {
  local name=$1
  shift
  echo "== $name"
  if "$@"; then echo passed >"$reports/$name.check"; else echo failed >"$reports/$name.check"; fi
}

# specs PROJECT: one of the projects of vitest.config.ts.
specs() {
  echo "== $1 tests"
  vitest run --project "$1" --reporter=default --reporter=json --outputFile.json="$reports/$1.json"
  echo $? >"$reports/$1.status"
}

check format prettier --check --log-level warn .
check lint oxlint --type-aware --deny-warnings
check types tsc -p tsconfig.check.json
check dashboard-types tsc -p apps/dashboard
check boundaries depcruise --config .dependency-cruiser.cjs apps libs migrations testbed scripts
specs unit
specs real
check build scripts/setup.sh --build
specs e2e
node scripts/sum-up.ts "$reports"
