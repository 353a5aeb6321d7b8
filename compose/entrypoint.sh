#!/bin/sh
# The image's entry point. Other instances reach this one's admin listener for queries, so it listens on the container's
# own address, not on loopback and not on a wildcard that nobody can be told.
set -eu
export SLUICE_ADMIN_LISTEN="${SLUICE_ADMIN_LISTEN:-$(hostname -i | cut -d ' ' -f 1):9464}"
export SLUICE_LISTEN="${SLUICE_LISTEN:-0.0.0.0:8080}"
# A restart under the same name moves no task; the name of a pod in a stateful set is stable.
export SLUICE_INSTANCE_ID="${SLUICE_INSTANCE_ID:-$(hostname)}"
export SLUICE_STATE_DIR="${SLUICE_STATE_DIR:-/var/lib/sluice}"
exec sluice "$@"
