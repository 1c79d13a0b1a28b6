#!/bin/bash
# `npm run screenshots`: makes the pictures of the dashboard that the README shows, from the demo.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
scripts/setup.sh --build --dashboard
export PATH="$PWD/node_modules/.bin:$PATH" # Node 24, whatever the system's is
exec node testbed/demo/main.ts --pictures docs/pictures/dashboard
