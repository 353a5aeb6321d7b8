#!/usr/bin/env bash
# Runs Apicurio Registry (Confluent's API at /apis/ccompat/v7) from Maven Central, in the foreground, on loopback.
#   start.sh            fetch it when needed, then become the java process
#   start.sh resolve    only fetch it
# Environment:
#   REGISTRY_PORT (8081), REGISTRY_MANAGEMENT_PORT (REGISTRY_PORT + 1000)
#   REGISTRY_DATA            directory for what Java unpacks while it runs
#   REGISTRY_KAFKA           bootstrap servers: schemas live in a Kafka topic. Without it they are in memory only
#   REGISTRY_HTTPS_PORT, REGISTRY_CERTIFICATE, REGISTRY_KEY   HTTPS on this port too, with this certificate and key (PEM)
#   REGISTRY_COMPATIBILITY   BACKWARD_TRANSITIVE. Apicurio's own default is NONE, which accepts anything
set -euo pipefail
# shellcheck source=compose/steps.sh
. "$(dirname "$0")/../steps.sh"

main() {
    choose_java
    resolve
    case ${1:-run} in
        resolve) ;;
        run) run ;;
        *) die "start.sh: unknown argument $1" ;;
    esac
}

# The newest registry needs Java 21; with Java 17 the last release that runs on it is taken.
choose_java() {
    local candidate major=0
    java=
    for candidate in "$(command -v "$(java_command)" || true)" /usr/lib/jvm/*/bin/java; do
        [ -x "$candidate" ] || continue
        [ -n "$java" ] && [ "$(java_major "$candidate")" -lt 21 ] && continue
        java=$candidate
        major=$(java_major "$candidate")
        [ "$major" -lt 21 ] || break
    done
    [ "$major" -ge 17 ] || die "Java 17 or later is missing: run ./dev deps --stack"
    version=$APICURIO_VERSION
    [ "$major" -ge 21 ] || version=$APICURIO_JAVA17_VERSION
    home=$sluice_cache/apicurio/$version
}

# The banner of JAVA_TOOL_OPTIONS comes before the version.
java_major() { "$1" -version 2>&1 | sed -nE '/version "/{s/.*version "([0-9]+).*/\1/p;q}'; }

resolve() {
    [ ! -e "$home/.complete" ] || return 0
    need mvn Maven
    mkdir -p "$home"
    exec 9>"$home/.lock"
    flock 9
    [ -e "$home/.complete" ] || {
        maven_get "io.apicurio:apicurio-registry-app:$version:tar.gz:all" "$home/download"
        find "$home/download" -name "apicurio-registry-app-$version-all.tar.gz" -exec tar -xzf {} -C "$home" \;
        rm -rf "$home/download"
        touch "$home/.complete"
    }
    exec 9>&-
}

run() {
    local port=${REGISTRY_PORT:-8081} jar=$home/quarkus-run.jar temporary=${REGISTRY_DATA:-$(stack_dir)/registry}/tmp
    # One that is killed leaves there what it has unpacked.
    rm -rf "$temporary"
    mkdir -p "$temporary"
    temporary=$(cd "$temporary" && pwd)
    [ -f "$jar" ] || jar=$(compgen -G "$home/*-runner.jar")
    local storage=(-Dapicurio.storage.kind=sql -Dapicurio.storage.sql.kind=h2)
    [ -z "${REGISTRY_KAFKA:-}" ] || storage=(-Dapicurio.storage.kind=kafkasql
        "-Dapicurio.kafkasql.bootstrap.servers=$REGISTRY_KAFKA" -Dapicurio.kafkasql.consumer.poll.timeout=1000)
    local secured=()
    [ -z "${REGISTRY_HTTPS_PORT:-}" ] || secured=("-Dquarkus.http.ssl-port=$REGISTRY_HTTPS_PORT"
        "-Dquarkus.http.ssl.certificate.files=$REGISTRY_CERTIFICATE" "-Dquarkus.http.ssl.certificate.key-files=$REGISTRY_KEY"
        -Dquarkus.http.insecure-requests=enabled)
    # A second of patience with its own (empty) snapshot topic instead of five; the first compiler tier only:
    # it starts in 10 s instead of 27, and does little afterwards.
    cd "$home"
    exec "$java" -Xmx256m -XX:TieredStopAtLevel=1 -Xshare:auto "-Djava.io.tmpdir=$temporary" \
        -Dquarkus.log.level=WARN -Dquarkus.http.access-log.enabled=false \
        -Dquarkus.http.host=127.0.0.1 "-Dquarkus.http.port=$port" -Dquarkus.management.host=127.0.0.1 \
        "-Dquarkus.management.port=${REGISTRY_MANAGEMENT_PORT:-$((port + 1000))}" \
        "-Dapicurio.rules.global.compatibility=${REGISTRY_COMPATIBILITY:-BACKWARD_TRANSITIVE}" "${storage[@]}" "${secured[@]}" -jar "$jar"
}

main "$@"
