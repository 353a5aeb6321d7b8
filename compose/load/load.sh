# shellcheck shell=bash
# `./dev load`: what the edge does under load, beside the broker, with and without the topologies, and beside a crowd. Sourced by ./dev.

load_rate=${LOAD_RATE:-500}
load_seconds=${LOAD_SECONDS:-60}
load_warm_seconds=${LOAD_WARM_SECONDS:-120}
# Idle streams, and clients that send a byte a second.
load_streams=${LOAD_STREAMS:-1000}
load_slow=${LOAD_SLOW_CLIENTS:-100}
load_pids=()

load() {
    step_total=14
    build_dependencies
    build_sluice
    # shellcheck source=compose/demo.sh
    . compose/demo.sh
    load_dir=$(mktemp -d)
    load_out=$sluice_root/compose/load
    # A stack of its own: topologies that have never run read everything that stands in their topics, and that is to be nothing.
    export SLUICE_STACK_DIR=$load_dir/stack
    KAFKA_PORT=$(free_port) REGISTRY_PORT=$(free_port) REDIS_PORT=$(free_port) PROMETHEUS_PORT=$(free_port)
    export KAFKA_PORT REGISTRY_PORT REDIS_PORT PROMETHEUS_PORT
    # shellcheck source=compose/stack.sh
    . compose/stack.sh
    trap end_load EXIT
    with_stack
    # Streams and their load generator are two files each.
    ulimit -n 20000 2>/dev/null || say "fewer than 20,000 open files are allowed: ulimit -n"
    # Half the requests of one account a second are not what is measured.
    export SLUICE_APPLICATION_ID=load$RANDOM SLUICE_QUOTA=1000000 SLUICE_PARTITIONS=1
    step "the edge, and the topologies with a lower priority"
    start_loaded edge edge
    start_loaded topologies run accounts products payments orders views
    await_loaded edge
    step "$load_warm_seconds s until Java has compiled the broker"
    run_load warm-up "$load_dir" "$load_warm_seconds"
    step "$load_rate POST/s for $load_seconds s"
    run_load with-topologies "$load_out" "$load_seconds"
    step "the same beside $load_streams idle streams and $load_slow slow clients"
    run_load with-crowd "$load_out" "$load_seconds" --idle-streams "$load_streams" --slow-clients "$load_slow"
    step "the same with every topology stopped"
    kill "${load_pids[1]}"
    wait "${load_pids[1]}" 2>/dev/null || true
    run_load without-topologies "$load_out" "$load_seconds"
    step "the plot"
    python3 "$load_out/plot.py" "$load_out"
}

# Whoever sent a request waits for the edge; for a topology there is the log.
start_loaded() { # name, arguments
    local port lower=()
    port=$(free_port)
    [ "$1" = edge ] || lower=(nice -n 10)
    SLUICE_LISTEN=127.0.0.1:$port SLUICE_ADMIN_LISTEN=127.0.0.1:$((port + 1)) SLUICE_STATE_DIR=$load_dir/$1 \
        "${lower[@]}" "$(built sluice)" "${@:2}" >"$load_dir/$1.log" 2>&1 </dev/null &
    load_pids+=($!)
    declare -g "load_url_$1=http://127.0.0.1:$port" "load_admin_$1=http://127.0.0.1:$((port + 1))"
}

await_loaded() { # name
    local admin=load_admin_$1 deadline=$((SECONDS + ready_seconds))
    until curl -sf -o /dev/null -m 2 "${!admin}/readyz"; do
        [ "$SECONDS" -lt "$deadline" ] || die "it is not ready; see $load_dir/$1.log"
        sleep 0.1
    done
}

# A run begins when the topologies have done what the one before has left.
await_caught_up() {
    local deadline=$((SECONDS + ready_seconds))
    while kill -0 "${load_pids[1]}" 2>/dev/null && ! is_caught_up; do
        [ "$SECONDS" -lt "$deadline" ] || die "the topologies do not catch up; see $load_dir/topologies.log"
        sleep 1
    done
}

# Topologies that do not answer have not caught up either.
is_caught_up() {
    curl -sf -m 5 "$load_admin_topologies/metrics" | awk '/^sluice_lag_records/ { behind += $2 } END { exit (behind > 0) }'
}

run_load() { # name of the run, folder, seconds, arguments
    local file=$2/$1.json
    await_caught_up
    "$(built sluice)" load --url "$load_url_edge" --cast "$load_dir/cast.json" --acceptance-only --rate "$load_rate" \
        --orders $((load_rate * $3)) --output json "${@:4}" >"$file" || say "some orders were not accepted; see $file"
    [ -s "$file" ] || die "the run $1 came to nothing; its reason stands above"
    python3 "$load_out/plot.py" --say "$file" >&2
}

end_load() {
    kill "${load_pids[@]}" 2>/dev/null || true
    # Not for the stack, which may have been started by this shell too.
    wait "${load_pids[@]}" 2>/dev/null || true
    if declare -F stop_stack >/dev/null; then stop_stack; fi
    rm -rf "$load_dir/stack"
}
