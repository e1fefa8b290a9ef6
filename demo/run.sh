#!/bin/sh
# The main job on the embedded hub, in a throw-away directory: load an inbox, plan, execute, look at what came of it.
set -eu

cd "$(dirname "$0")/.."
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export WARDEN_STATE_DIR="$scratch/state" WARDEN_CONFIG="$scratch"

say() { printf '\n# %s\n' "$*"; }
run() {
  printf '$ %s\n' "$*"
  "$@"
}

say "Ten messages arrive in the inbox of ops-warden"
run warden hub send --jsonl demo/inbox.jsonl

say "What would warden do? (nothing is sent)"
run warden worker run --dry-run

say "Do it"
run warden worker run --execute

say "What was answered: a thread, as the one who asked sees it"
run warden hub thread --agent flex-auth t1

say "What waits for a person: still unread"
run warden hub inbox
run warden hub progress

say "A second pass finds nothing new"
run warden worker run --execute

say "The record of all of it verifies"
run warden ledger verify

printf '\nThat was all. Next: docs/tutorial.md, or on your own inbox:\n  %s\n' ".venv/bin/warden worker run --dry-run --hub URL"
