#!/usr/bin/env bash
# Runs one Apache Kafka node (KRaft) from Maven Central jars, in the foreground, on loopback.
#   start.sh            fetch the jars and format the data directory when needed, then become the java process:
#                       the process id that was spawned is the broker's, so kill -9 hits it
#   start.sh resolve    only fetch the jars
#   start.sh classpath  fetch the jars, print the class path (cluster.sh)
# Environment:
#   KAFKA_PORT (9092), KAFKA_CONTROLLER_PORT (KAFKA_PORT + 1)
#   KAFKA_DATA      data directory; kept between starts ($SLUICE_STACK_DIR/kafka, which is in the cache directory)
#   KAFKA_HEAP      384m
#   KAFKA_BRIEF     yes for a broker that lives no longer than a test
#   KAFKA_EXTRA     lines appended to server.properties
#   KAFKA_USERS     "name password" a line: who may come in with SCRAM-SHA-512, told to a node when it is formatted
#   KAFKA_CLUSTER_ID   the id of a cluster whose voters KAFKA_EXTRA lists; without it the node is a cluster of its own
#   KAFKA_VERSION, LOG4J2_VERSION   instead of the pinned ones
set -euo pipefail
# shellcheck source=compose/steps.sh
. "$(dirname "$0")/../steps.sh"

here=$sluice_root/compose/kafka
jars=$sluice_cache/kafka/$KAFKA_VERSION
logging=-Dlog4j2.configurationFile=file:$here/log4j2.xml

main() {
    resolve
    case ${1:-run} in
        resolve) ;;
        classpath) echo "$jars/*" ;;
        run) run ;;
        *) die "start.sh: unknown argument $1" ;;
    esac
}

# The marker is written last, so an interrupted download is repeated. Two callers at once wait for each other.
resolve() {
    [ ! -e "$jars/.complete" ] || return 0
    need java "Java 17 or later"
    need mvn Maven
    mkdir -p "$jars"
    exec 9>"$jars/.lock"
    flock 9
    [ -e "$jars/.complete" ] || {
        maven_goal "$MAVEN_DEPENDENCY_PLUGIN_VERSION" copy-dependencies -f "$here/pom.xml" -DincludeScope=runtime \
            "-Dkafka.version=$KAFKA_VERSION" "-Dlog4j2.version=$LOG4J2_VERSION" "-DoutputDirectory=$jars"
        touch "$jars/.complete"
    }
    exec 9>&-
}

run() {
    local port=${KAFKA_PORT:-9092} data=${KAFKA_DATA:-$(stack_dir)/kafka}
    local controller_port=${KAFKA_CONTROLLER_PORT:-$((port + 1))} heap=${KAFKA_HEAP:-384m}
    mkdir -p "$data"
    data=$(cd "$data" && pwd)
    sed -e "s|@DATA@|$data/logs|" -e "s|@PORT@|$port|g" -e "s|@CONTROLLER_PORT@|$controller_port|g" \
        "$here/server.properties" >"$data/server.properties"
    printf '%s\n' "${KAFKA_EXTRA:-}" >>"$data/server.properties"
    [ -f "$data/logs/meta.properties" ] || format "$data/server.properties"
    # Java compiles what runs often a second time, which is half of what a broker does in its first minutes. It pays later.
    local compiler=()
    [ -z "${KAFKA_BRIEF:-}" ] || compiler=(-XX:TieredStopAtLevel=1)
    exec "$(java_command)" "@$here/jvm.options" "${compiler[@]}" "-Xms$heap" "-Xmx$heap" "$logging" -cp "$jars/*" \
        kafka.Kafka "$data/server.properties"
}

# Writes meta.properties and, for a cluster of its own, the set of one voter. --ignore-formatted finishes a format that was interrupted.
format() { # server.properties
    local alone=(--standalone) users=() name password
    [ -z "${KAFKA_CLUSTER_ID:-}" ] || alone=()
    while read -r name password; do
        [ -z "$name" ] || users+=(--add-scram "SCRAM-SHA-512=[name=$name,password=$password]")
    done <<<"${KAFKA_USERS:-}"
    "$(java_command)" -Xshare:auto -XX:TieredStopAtLevel=1 "$logging" -cp "$jars/*" kafka.tools.StorageTool \
        format "${alone[@]}" "${users[@]}" --ignore-formatted -t "${KAFKA_CLUSTER_ID:-$(random_cluster_id)}" -c "$1" >/dev/null
}

main "$@"
