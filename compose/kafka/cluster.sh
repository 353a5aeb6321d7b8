#!/usr/bin/env bash
# Runs three Apache Kafka nodes (each broker and controller) on loopback, to see what the loss of a broker does.
#   cluster.sh up        start all three, wait until they answer, print the bootstrap servers
#   cluster.sh start N   start node N (1, 2 or 3)        cluster.sh kill N   kill -9 node N
#   cluster.sh stop      stop all three; data stays      cluster.sh wipe     stop, and delete the data
#   cluster.sh status    process id and memory of each
# Environment: CLUSTER_DATA ($SLUICE_STACK_DIR/cluster), CLUSTER_PORT (9392: nodes take it and the next two, controllers
# 100 above), CLUSTER_SESSION_MS (9000: when a dead broker is noticed), KAFKA_HEAP (384m)
# A transaction's timeout must be well above CLUSTER_SESSION_MS: a commit blocks until the new leader is there.
set -euo pipefail
# shellcheck source=compose/steps.sh
. "$(dirname "$0")/../steps.sh"

here=$sluice_root/compose/kafka
data=${CLUSTER_DATA:-$(stack_dir)/cluster}
port=${CLUSTER_PORT:-9392}
controller_port=$((port + 100))
heap=${KAFKA_HEAP:-384m}
wait_seconds=120

main() {
    local node
    case ${1:-} in
        up) up ;;
        start) start "$2" ;;
        kill) kill -9 "$(process_id "$2")" ;;
        stop) stop ;;
        wipe) stop && rm -rf "$data" ;;
        status) for node in 1 2 3; do status "$node"; done ;;
        *)
            sed -n '2,9s/^# \?//p' "$0" >&2
            exit 2
            ;;
    esac
}

up() {
    local node deadline=$((SECONDS + wait_seconds))
    for node in 1 2 3; do start "$node"; done
    for node in 1 2 3; do
        until port_open $((port + node - 1)); do
            alive "$node" || die "node $node stopped: see $data/$node/kafka.log"
            [ "$SECONDS" -lt "$deadline" ] || die "node $node does not answer: see $data/$node/kafka.log"
            sleep 0.2
        done
    done
    echo "127.0.0.1:$port,127.0.0.1:$((port + 1)),127.0.0.1:$((port + 2))"
}

start() { # node
    local home=$data/$1 classpath
    ! alive "$1" || return 0
    mkdir -p "$home"
    classpath=$("$here/start.sh" classpath)
    node_properties "$1" >"$home/server.properties"
    [ -f "$home/logs/meta.properties" ] || java_with "$classpath" kafka.tools.StorageTool \
        format --ignore-formatted -t "$(cluster_id)" -c "$home/server.properties" >"$home/format.log" 2>&1
    setsid "$(java_command)" "@$here/jvm.options" "-Xms$heap" "-Xmx$heap" \
        "-Dlog4j2.configurationFile=file:$here/log4j2.xml" -cp "$classpath" kafka.Kafka "$home/server.properties" \
        >>"$home/kafka.log" 2>&1 </dev/null &
    echo $! >"$home/pid"
}

java_with() { # class path, main class, arguments...
    "$(java_command)" -XX:TieredStopAtLevel=1 "-Dlog4j2.configurationFile=file:$here/log4j2.xml" -cp "$@"
}

# One id for all three, made by the first.
cluster_id() {
    [ -s "$data/cluster.id" ] || random_cluster_id >"$data/cluster.id"
    cat "$data/cluster.id"
}

# The single node's file, with three voters and three replicas.
node_properties() { # node
    sed -e "s|@DATA@|$data/$1/logs|" -e "s|@PORT@|$((port + $1 - 1))|g" -e "s|@CONTROLLER_PORT@|$((controller_port + $1 - 1))|g" \
        -e "s|^node.id=.*|node.id=$1|" -e '/^controller.quorum.bootstrap.servers/d' -e '/replication.factor=/d' -e '/min.isr=/d' \
        -e '/^min.insync.replicas/d' "$here/server.properties"
    cat <<PROPERTIES
controller.quorum.voters=1@127.0.0.1:$controller_port,2@127.0.0.1:$((controller_port + 1)),3@127.0.0.1:$((controller_port + 2))
default.replication.factor=3
min.insync.replicas=2
offsets.topic.replication.factor=3
transaction.state.log.replication.factor=3
transaction.state.log.min.isr=2
share.coordinator.state.topic.replication.factor=3
share.coordinator.state.topic.min.isr=2
unclean.leader.election.enable=false
broker.session.timeout.ms=${CLUSTER_SESSION_MS:-9000}
broker.heartbeat.interval.ms=1000
PROPERTIES
}

stop() {
    local node deadline=$((SECONDS + wait_seconds))
    for node in 1 2 3; do if alive "$node"; then kill "$(process_id "$node")"; fi; done
    for node in 1 2 3; do
        while alive "$node"; do
            [ "$SECONDS" -lt "$deadline" ] || kill -9 "$(process_id "$node")"
            sleep 0.2
        done
    done
}

status() { # node
    if alive "$1"; then
        echo "node $1: process $(process_id "$1"), $(ps -o rss= -p "$(process_id "$1")" | tr -d ' ') KiB"
    else
        echo "node $1: down"
    fi
}

process_id() { cat "$data/$1/pid" 2>/dev/null || true; }

# The process under the recorded id must also be the one that was started for this node.
alive() {
    local id
    id=$(process_id "$1")
    [ -n "$id" ] && [[ $(ps -o args= -p "$id" 2>/dev/null) == *"$data/$1/server.properties" ]]
}

main "$@"
