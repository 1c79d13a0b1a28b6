#!/bin/bash
# `npm run bench:dashboard [-- OPTIONS]`: measures; see testbed/bench/dashboard/main.ts for its options.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
scripts/setup.sh --build --dashboard
export PATH="$PWD/node_modules/.bin:$PATH" # Node 24, whatever the system's is
exec node testbed/bench/dashboard/main.ts "$@"
