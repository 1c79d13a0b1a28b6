#!/bin/bash
# Tells a web hook (a chat, an alarm) of each operation that fails.   HOOK_URL=https://… ./hook.sh
# Needs VARVE_URL, VARVE_TOKEN and jq. What failed while it was away is told when it is back.
set -euo pipefail
told=${TOLD:-$HOME/.varve-told}
touch "$told"
varve operation list --state failed --limit 100 --watch "${EVERY:-30}" --json | while read -r operations; do
  jq -c '.[] | {id, text: "\(.kind) of \(.instanceName // .instanceId) failed: \(.problem.message) (\(.problem.code))"}' <<<"$operations" |
    while read -r failure; do
      id=$(jq -r .id <<<"$failure")
      grep -qxF "$id" "$told" && continue
      # What can't be told now is told the next time.
      if curl -fsS -H content-type:application/json -d "$(jq '{text}' <<<"$failure")" "$HOOK_URL" >/dev/null; then
        echo "$id" >>"$told"
      fi
    done
done
