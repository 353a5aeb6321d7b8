# shellcheck shell=bash
# Progress lines and paths that the scripts of this folder and ./dev share. Sourced, never run.

sluice_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
sluice_cache=${XDG_CACHE_HOME:-$HOME/.cache}/sluice
# shellcheck source=compose/versions.env
. "$sluice_root/compose/versions.env"

step_number=0
step_total=${step_total:-1}
step_started=$SECONDS

# Begins the next of $step_total steps: says its number, the seconds since the start, and what it does.
step() {
    step_number=$((step_number + 1))
    printf '[%d/%d] %3ds  %s\n' "$step_number" "$step_total" "$((SECONDS - step_started))" "$*" >&2
}

# A line that belongs to the step in progress.
say() { printf '             %s\n' "$*" >&2; }

# Ends the script with one sentence that says what to do.
die() {
    printf 'dev: %s\n' "$*" >&2
    exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

# Is a TCP listener open on loopback?
port_open() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# Fetches one artifact of Maven Central, without its dependencies, into a repository of its own below a directory.
# The old plugin is the second try because it does not ask for parent poms, and some were never published.
maven_get() { # artifact, directory
    local arguments=(get "-Dmaven.repo.local=$2" -Dtransitive=false "-Dartifact=$1")
    maven_goal "$MAVEN_DEPENDENCY_PLUGIN_VERSION" "${arguments[@]}" 2>/dev/null \
        || maven_goal "$MAVEN_DEPENDENCY_PLUGIN_LENIENT_VERSION" "${arguments[@]}"
}

# Runs one goal of the dependency plugin; of a failure only the sentence that says why is shown.
maven_goal() { # plugin version, goal, arguments...
    local output
    output=$(mvn -q -B -ntp -Dstyle.color=never "org.apache.maven.plugins:maven-dependency-plugin:$1:$2" "${@:3}" 2>&1) && return 0
    say "Maven: $(grep -m 1 '^\[ERROR\] .' <<<"$output" || head -n 1 <<<"$output")"
    return 1
}

need() { have "$1" || die "$2 is missing: run ./dev deps --stack"; }

# Where the stack keeps its data, logs and process ids: never inside the clone.
stack_dir() { echo "${SLUICE_STACK_DIR:-$sluice_cache/stack}"; }

java_command() { echo "${JAVA_HOME:+$JAVA_HOME/bin/}java"; }

# Kafka's form of an id: 16 bytes in URL-safe base64 without padding.
random_cluster_id() { head -c 16 /dev/urandom | base64 | tr '+/' 'AZ' | tr -d '=\n'; }
