#!/usr/bin/env bash
# Runs Redis in the foreground, on loopback, with an append-only file synced every second: sessions outlive a restart.
# Environment: REDIS_PORT (6379), REDIS_DATA ($SLUICE_STACK_DIR/redis, which is in the cache directory),
#   REDIS_EXTRA (further options, words without blanks; they win)
set -euo pipefail
# shellcheck source=compose/steps.sh
. "$(dirname "$0")/../steps.sh"

need redis-server Redis
data=${REDIS_DATA:-$(stack_dir)/redis}
mkdir -p "$data"
read -ra extra <<<"${REDIS_EXTRA:-}"
exec redis-server --bind 127.0.0.1 --port "${REDIS_PORT:-6379}" --dir "$data" --appendonly yes --appendfsync everysec \
    --save '' --maxmemory 256mb --maxmemory-policy noeviction "${extra[@]}"
