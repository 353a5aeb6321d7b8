#!/usr/bin/env bash
# Runs Prometheus in the foreground, on loopback, with the rules of this directory.
# Environment: PROMETHEUS_PORT (9095), PROMETHEUS_TARGETS (127.0.0.1:9464, several separated by commas),
# PROMETHEUS_DATA ($SLUICE_STACK_DIR/prometheus, which is in the cache directory)
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=compose/steps.sh
. "$here/../steps.sh"

# Days of measurements on a machine for development.
retention=7d

need prometheus Prometheus
data=${PROMETHEUS_DATA:-$(stack_dir)/prometheus}
mkdir -p "$data"
cp -r "$here/prometheus.yml" "$here/rules" "$data"
targets=${PROMETHEUS_TARGETS:-127.0.0.1:9464}
printf -- '- targets: ["%s"]\n' "${targets//,/\", \"}" >"$data/targets.yml"
exec prometheus --config.file "$data/prometheus.yml" --storage.tsdb.path "$data/data" \
    --storage.tsdb.retention.time "$retention" --web.listen-address "127.0.0.1:${PROMETHEUS_PORT:-9095}"
