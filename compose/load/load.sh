# shellcheck shell=bash
# `./dev load`: what the edge does under load, beside the broker, with and without the topologies, and beside a crowd. Sourced by ./dev.

load_rate=${LOAD_RATE:-500}
load_seconds=${LOAD_SECONDS:-60}
# Idle streams, and clients that send a byte a second.
load_streams=${LOAD_STREAMS:-1000}
load_slow=${LOAD_SLOW_CLIENTS:-100}
load_pids=()

load() {
    step_total=11
    build_dependencies
    build_sluice
    # shellcheck source=compose/demo.sh
    . compose/demo.sh
    # shellcheck source=compose/stack.sh
    . compose/stack.sh
    ! port_open "$kafka_port" || stack_was_running=yes
    trap end_load EXIT
    with_stack
    # Streams and their load generator are two files each.
    ulimit -n 20000 2>/dev/null || say "fewer than 20,000 open files are allowed: ulimit -n"
    load_dir=$(mktemp -d)
    load_out=$sluice_root/compose/load
    # A shop of its own, and half the requests of one account a second are not what is measured.
    export SLUICE_APPLICATION_ID=load$RANDOM SLUICE_QUOTA=1000000 SLUICE_PARTITIONS=1 SLUICE_COMMIT_SPACING_MS=2
    step "the edge and the topologies, two processes"
    start_loaded edge edge
    start_loaded topologies run accounts products payments orders views
    await_loaded edge
    step "$load_rate POST/s for $load_seconds s"
    run_load with-topologies
    step "the same beside $load_streams idle streams and $load_slow slow clients"
    run_load with-crowd --idle-streams "$load_streams" --slow-clients "$load_slow"
    step "the same with every topology stopped"
    kill "${load_pids[1]}"
    wait "${load_pids[1]}" 2>/dev/null || true
    run_load without-topologies
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

run_load() { # name of the run, arguments
    "$(built sluice)" load --url "$load_url_edge" --cast "$load_dir/cast.json" --acceptance-only --rate "$load_rate" \
        --orders $((load_rate * load_seconds)) --output json "${@:2}" >"$load_out/$1.json" \
        || say "some orders were not accepted; see compose/load/$1.json"
    [ -s "$load_out/$1.json" ] || die "the run $1 came to nothing; its reason stands above"
    python3 "$load_out/plot.py" --say "$load_out/$1.json" >&2
}

end_load() {
    kill "${load_pids[@]}" 2>/dev/null || true
    # Not for the stack, which may have been started by this shell too.
    wait "${load_pids[@]}" 2>/dev/null || true
    if [ -z "$stack_was_running" ] && declare -F stop_stack >/dev/null; then stop_stack; fi
}
