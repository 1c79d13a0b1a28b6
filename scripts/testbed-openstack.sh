#!/bin/bash
# `npm run testbed:openstack -- up | down [--purge] | status`: a small real OpenStack on this machine; see
# testbed/openstack/cli.ts.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
[ "${1:-}" != up ] || scripts/setup.sh --openstack
export PATH="$PWD/node_modules/.bin:$PATH" # Node 24, whatever the system's is
exec node testbed/openstack/cli.ts "$@"
