#!/bin/bash
# Makes anew what `packaging` holds of the command itself; the tests compare.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
scripts/setup.sh --build
mkdir -p packaging/{bash,zsh,fish}-completion packaging/man
packaging/bin/varve completion man >packaging/man/varve.1
packaging/bin/varve completion bash >packaging/bash-completion/varve
packaging/bin/varve completion zsh >packaging/zsh-completion/_varve
packaging/bin/varve completion fish >packaging/fish-completion/varve.fish
