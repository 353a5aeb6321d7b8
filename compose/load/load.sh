# shellcheck shell=bash
# `./dev load`: what the edge does under load, beside the broker, with and without the topologies, and beside a crowd. Sourced by ./dev.

load_rate=${LOAD_RATE:-500}
load_seconds=${LOAD_SECONDS:-30}
# With and without a crowd in turn: the broker becomes cheaper for minutes, and a shared machine is never the same for long.
load_rounds=${LOAD_ROUNDS:-3}
load_warm_seconds=${LOAD_WARM_SECONDS:-180}
# Idle streams, and clients that send a byte a second.
load_streams=${LOAD_STREAMS:-1000}
load_slow=${LOAD_SLOW_CLIENTS:-100}
load_pids=()

load() {
    step_total=$((12 + 2 * load_rounds))
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
    # Whoever sent a request waits for the edge and for what it asks; for a stream thread there is the log.
    export SLUICE_STREAM_NICENESS=10
    step "the edge, and the topologies"
    start_loaded edge edge
    start_loaded topologies run accounts products payments orders views
    await_loaded edge
    step "$load_warm_seconds s until Java has compiled the broker"
    run_load "$load_dir/warm-up.json" "$load_warm_seconds"
    local round
    for round in $(seq "$load_rounds"); do
        step "$round of $load_rounds: $load_rate POST/s for $load_seconds s"
        run_load "$load_dir/with-topologies-$round.json" "$load_seconds"
        step "$round of $load_rounds: the same beside $load_streams idle streams and $load_slow slow clients"
        run_load "$load_dir/with-crowd-$round.json" "$load_seconds" --idle-streams "$load_streams" --slow-clients "$load_slow"
    done
    python3 "$load_out/plot.py" --median "$load_out/with-topologies.json" "$load_dir"/with-topologies-*.json
    python3 "$load_out/plot.py" --median "$load_out/with-crowd.json" "$load_dir"/with-crowd-*.json
    step "the same with every topology stopped"
    kill "${load_pids[1]}"
    wait "${load_pids[1]}" 2>/dev/null || true
    run_load "$load_out/without-topologies.json" "$load_seconds"
    step "the plot"
    python3 "$load_out/plot.py" "$load_out"
}

start_loaded() { # name, arguments
    local port
    port=$(free_port)
    SLUICE_LISTEN=127.0.0.1:$port SLUICE_ADMIN_LISTEN=127.0.0.1:$((port + 1)) SLUICE_STATE_DIR=$load_dir/$1 \
        "$(built sluice)" "${@:2}" >"$load_dir/$1.log" 2>&1 </dev/null &
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

run_load() { # file of the result, seconds, arguments
    await_caught_up
    # Tokens last for five minutes, and without topologies nobody gets another: the last run goes on with those of the one before.
    if kill -0 "${load_pids[1]}" 2>/dev/null; then rm -f "$load_dir/cast.json"; fi
    "$(built sluice)" load --url "$load_url_edge" --cast "$load_dir/cast.json" --acceptance-only --rate "$load_rate" \
        --orders $((load_rate * $2)) --output json "${@:3}" >"$1" || say "some orders were not accepted; see $1"
    [ -s "$1" ] || die "the run came to nothing; its reason stands above"
    python3 "$load_out/plot.py" --say "$1" >&2
}

end_load() {
    kill "${load_pids[@]}" 2>/dev/null || true
    # Not for the stack, which may have been started by this shell too.
    wait "${load_pids[@]}" 2>/dev/null || true
    if declare -F stop_stack >/dev/null; then stop_stack; fi
    rm -rf "$load_dir/stack"
}
