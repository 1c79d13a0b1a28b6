#!/bin/bash
# `npm run demo [-- OPTIONS]`: the whole main job on a real guest; see testbed/demo/main.ts for its options.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
scripts/setup.sh --build
export PATH="$PWD/node_modules/.bin:$PATH" # Node 24, whatever the system's is
exec node testbed/demo/main.ts "$@"
