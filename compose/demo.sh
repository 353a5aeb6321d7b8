# shellcheck shell=bash
# `./dev demo`: runs sluice for the length of the journey, on one log or on both. Sourced by ./dev.

ready_seconds=120
demo_pid=
stack_was_running=

demo() {
    case ${1:-} in
        --url) compose/journey.sh "$2" ;;
        --embedded)
            step_total=5
            prepare_demo
            demo_embedded
            ;;
        --stack)
            step_total=11
            prepare_demo
            demo_stack
            ;;
        '')
            step_total=13
            prepare_demo
            demo_embedded
            demo_stack
            ;;
        *) die "demo: unknown argument $1" ;;
    esac
}

prepare_demo() {
    build_dependencies
    build_sluice
    trap end_demo EXIT
}

# Two steps: a log that nobody else sees, and gone afterwards.
demo_embedded() {
    demo_dir=$(mktemp -d)
    step "sluice up on the embedded log"
    unset SLUICE_KAFKA SLUICE_REGISTRY SLUICE_REDIS
    export SLUICE_PAYMENT_PROVIDER=sandbox
    start_demo_server "$demo_dir"
    step "the journey on the embedded log"
    compose/journey.sh "$demo_url"
    stop_demo_server
    rm -rf "$demo_dir"
}

# Seven steps: on the topics that `./dev up --stack` uses, with a state directory of its own.
demo_stack() {
    # shellcheck source=compose/stack.sh
    . compose/stack.sh
    ! port_open "$kafka_port" || stack_was_running=yes
    with_stack
    demo_dir=$(stack_dir)/demo
    step "sluice up on Kafka"
    start_demo_server "$demo_dir"
    step "the journey on Kafka"
    compose/journey.sh "$demo_url"
    step "an outside consumer reads orders and order-events"
    read_from_outside
    stop_demo_server
}

# Confluent's own client and deserializer, which know nothing of sluice.
read_from_outside() {
    if python3 -c 'import confluent_kafka.schema_registry.avro' 2>/dev/null; then
        compose/read_topics.py orders order-events >"$demo_dir/read.jsonl"
    else
        say "skipped: it needs pip install 'confluent-kafka[avro,schemaregistry]'"
    fi
}

start_demo_server() { # directory
    local port deadline=$((SECONDS + ready_seconds))
    port=$(free_port)
    demo_url=http://127.0.0.1:$port
    mkdir -p "$1"
    SLUICE_LISTEN=127.0.0.1:$port SLUICE_ADMIN_LISTEN=127.0.0.1:$((port + 1)) SLUICE_STATE_DIR=$1/state \
        "$(built sluice)" up >"$1/sluice.log" 2>&1 </dev/null &
    demo_pid=$!
    until curl -sf -o /dev/null -m 2 "http://127.0.0.1:$((port + 1))/readyz"; do
        kill -0 "$demo_pid" 2>/dev/null || demo_failed "sluice stopped"
        [ "$SECONDS" -lt "$deadline" ] || demo_failed "sluice is not ready after $ready_seconds s"
        sleep 0.1
    done
}

demo_failed() {
    tail -n 20 "$demo_dir/sluice.log" >&2
    die "$1"
}

stop_demo_server() {
    [ -n "$demo_pid" ] || return 0
    kill "$demo_pid" 2>/dev/null || true
    wait "$demo_pid" 2>/dev/null || true
    demo_pid=
}

# Whatever happened, nothing that the demo started stays behind.
end_demo() {
    stop_demo_server
    if [ -z "$stack_was_running" ] && declare -F stop_stack >/dev/null; then stop_stack; fi
}

# A port below the range that outgoing connections use, and the next one, both free.
free_port() {
    local port
    while :; do
        port=$((20000 + RANDOM % 10000))
        port_open "$port" || port_open $((port + 1)) || break
    done
    echo "$port"
}
