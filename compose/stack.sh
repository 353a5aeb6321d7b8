# shellcheck shell=bash
# Starts and stops Kafka, the registry, Redis and, as processes, Prometheus: containers where a Docker engine answers, processes otherwise.
# Sourced by ./dev. Data, logs and process ids lie in $SLUICE_STACK_DIR, outside the clone.

kafka_port=${KAFKA_PORT:-9092}
registry_port=${REGISTRY_PORT:-8081}
# Not 6379: a distribution's own Redis may be running there.
redis_port=${REDIS_PORT:-6380}
# Not 9090: a distribution's own Prometheus may be running there.
prometheus_port=${PROMETHEUS_PORT:-9095}
stack_wait_seconds=180
stop_wait_seconds=30

export SLUICE_KAFKA=127.0.0.1:$kafka_port
export SLUICE_REGISTRY=http://127.0.0.1:$registry_port/apis/ccompat/v7
export SLUICE_REDIS=redis://127.0.0.1:$redis_port
# What was made from the embedded log is no state on this one.
export SLUICE_STATE_DIR=${SLUICE_STATE_DIR:-$(stack_dir)/sluice}

# Four steps; returns when all answer.
start_stack() {
    if docker_answers; then start_containers; else start_processes; fi
}

stop_stack() {
    local name
    for name in prometheus registry redis kafka; do stop_process "$name"; done
    if docker_answers; then compose down; fi
}

# What a shell needs to reach the stack.
print_stack_exports() {
    local name
    for name in SLUICE_KAFKA SLUICE_REGISTRY SLUICE_REDIS SLUICE_STATE_DIR; do echo "export $name=${!name}"; done
}

docker_answers() { have docker && docker compose version >/dev/null 2>&1 && docker info >/dev/null 2>&1; }

compose() {
    KAFKA_PORT=$kafka_port REGISTRY_PORT=$registry_port REDIS_PORT=$redis_port \
        docker compose --env-file "$sluice_root/compose/versions.env" -f "$sluice_root/compose/compose.yaml" "$@"
}

start_containers() {
    local name
    for name in kafka registry redis; do
        step "$name, a container"
        compose up --detach --wait --wait-timeout "$stack_wait_seconds" "$name"
    done
    set_compatibility
    # In a container it would not reach a sluice that listens on this machine's loopback.
    step "Prometheus and Grafana: with all of compose.yaml, or as a process where there is no Docker"
}

# The broker first: the registry keeps its schemas in it.
start_processes() {
    mkdir -p "$(stack_dir)"
    step "Redis on $redis_port"
    REDIS_PORT=$redis_port start_process redis "$redis_port"
    await redis "$redis_port" redis_answers
    step "Kafka on $kafka_port"
    KAFKA_PORT=$kafka_port start_process kafka "$kafka_port"
    await kafka "$kafka_port" port_open "$kafka_port"
    step "the registry on $registry_port"
    REGISTRY_PORT=$registry_port REGISTRY_KAFKA=127.0.0.1:$kafka_port start_process registry "$registry_port"
    await registry "$registry_port" set_compatibility
    step "Prometheus on $prometheus_port"
    PROMETHEUS_PORT=$prometheus_port start_process prometheus "$prometheus_port"
    await prometheus "$prometheus_port" curl -sf -o /dev/null -m 2 "http://127.0.0.1:$prometheus_port/-/ready"
}

# Where a part's launcher is.
folder() { if [ "$1" = prometheus ]; then echo observability; else echo "$1"; fi; }

# A process that already runs is left alone; a port that somebody else holds is an error.
start_process() { # name, port
    local file
    file=$(stack_dir)/$1
    ! process_alive "$1" || return 0
    ! port_open "$2" || die "port $2 is taken by a process that ./dev did not start (set ${1^^}_PORT)"
    setsid "$sluice_root/compose/$(folder "$1")/start.sh" >>"$file.log" 2>&1 </dev/null &
    process_identity $! >"$file.pid"
}

await() { # name, port, question...
    local name=$1 port=$2 deadline=$((SECONDS + stack_wait_seconds))
    shift 2
    until "$@"; do
        process_alive "$name" || die "$name stopped: see $(stack_dir)/$name.log"
        [ "$SECONDS" -lt "$deadline" ] || die "$name does not answer on $port: see $(stack_dir)/$name.log"
        sleep 0.2
    done
}

redis_answers() {
    (exec 3<>"/dev/tcp/127.0.0.1/$redis_port" && printf 'PING\r\n' >&3 && read -rt 2 -u 3 answer && [[ $answer == +PONG* ]]) 2>/dev/null
}

# The registry enforces the level from its first moment; saying it once more makes every version of it report it.
set_compatibility() {
    curl -sf -o /dev/null -m 5 -X PUT "$SLUICE_REGISTRY/config" \
        -H 'Content-Type: application/json' -d '{"compatibility":"BACKWARD_TRANSITIVE"}'
}

stop_process() { # name
    local file pid deadline=$((SECONDS + stop_wait_seconds))
    file=$(stack_dir)/$1.pid
    if process_alive "$1"; then
        say "stopping $1"
        read -r pid _ <"$file"
        kill "$pid"
        while process_alive "$1"; do
            [ "$SECONDS" -lt "$deadline" ] || { kill -9 "$pid" || true; }
            sleep 0.1
        done
    fi
    rm -f "$file"
}

# A number alone may belong to another process by now; number and start time do not.
process_alive() { # name
    local file recorded
    file=$(stack_dir)/$1.pid
    [ -s "$file" ] || return 1
    recorded=$(<"$file")
    [ "$(process_identity "${recorded%% *}")" = "$recorded" ]
}

process_identity() { echo "$1 $(ps -o lstart= -p "$1" 2>/dev/null)"; }
