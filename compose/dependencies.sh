#!/usr/bin/env bash
# Makes this machine able to build sluice, and with --stack to run Kafka, the registry and Redis as processes.
#   compose/dependencies.sh            build tools, and RocksDB's prebuilt library into the cache
#   compose/dependencies.sh --stack    the same, and Java, Redis, Kafka's jars and the registry into the cache
# Installs Debian packages when it runs as root; otherwise it prints the command. Repeating it costs nothing.
set -euo pipefail
step_total=2
# shellcheck source=compose/steps.sh
. "$(dirname "$0")/steps.sh"

main() {
    local stack=${1:-}
    [ "$stack" != --stack ] || step_total=4
    rocksdb_version=$(locked_rocksdb_version)
    rocksdb_dir=$sluice_cache/rocksdb/$rocksdb_version
    step "build tools$([ -z "$stack" ] || echo ", Java, Maven and Redis")"
    install_packages "$stack"
    step "RocksDB $rocksdb_version, prebuilt"
    if [ -s "$rocksdb_dir/lib/librocksdb.so" ] || fetch_rocksdb; then
        point_cargo_at_rocksdb
    else
        rm -f "$sluice_root/.cargo/local.toml"
        say "not to be had here: it will be compiled from source, 25-45 minutes on two cores"
    fi
    [ -n "$stack" ] || return 0
    step "Kafka $KAFKA_VERSION, from Maven Central"
    "$sluice_root/compose/kafka/start.sh" resolve
    step "Apicurio Registry, from Maven Central"
    "$sluice_root/compose/registry/start.sh" resolve
}

# The version after the plus sign of librocksdb-sys, so that bindings and library never differ.
locked_rocksdb_version() {
    sed -n '/^name = "librocksdb-sys"/{n;s/.*+\(.*\)"/\1/p;}' "$sluice_root/Cargo.lock"
}

install_packages() {
    local packages
    packages=$(missing_packages "$@")
    [ -n "$packages" ] || return 0
    # shellcheck disable=SC2086 # a list of package names is meant to split
    if have apt-get && [ "$(id -u)" = 0 ]; then
        say "apt-get install" $packages
        apt_install $packages || die "apt-get could not install: $packages"
    else
        die "missing tools. On Debian: sudo apt-get install --no-install-recommends" $packages
    fi
}

missing_packages() { # [--stack]
    have cc || echo gcc libc6-dev
    have c++ || echo g++
    have make || echo make
    have cmake || echo cmake
    have pkg-config || echo pkg-config
    have_libclang || echo libclang-dev
    if [ ! -s "$rocksdb_dir/lib/librocksdb.so" ] || [ -n "${1:-}" ]; then
        have unzip || echo unzip
        have mvn || echo maven
        have java || echo default-jre-headless
    fi
    [ -z "${1:-}" ] || {
        have redis-server || echo redis-server
        have curl || echo curl
    }
}

have_libclang() {
    compgen -G '/usr/lib/llvm-*/lib/libclang*.so*' >/dev/null || compgen -G '/usr/lib/*/libclang*.so*' >/dev/null \
        || compgen -G '/usr/lib*/libclang*.so*' >/dev/null || [ -n "${LIBCLANG_PATH:-}" ]
}

apt_install() {
    export DEBIAN_FRONTEND=noninteractive
    local install=(apt-get install -y -qq --no-install-recommends "$@")
    "${install[@]}" >/dev/null 2>&1 || { apt-get update -qq >&2 && "${install[@]}" >/dev/null; }
}

# RocksDB's own Java release carries the C API inside; the member for this machine becomes librocksdb.so.
fetch_rocksdb() {
    local member download=$rocksdb_dir/download
    member=$(rocksdb_member) || return 1
    say "downloading 92 MB from Maven Central"
    maven_get "org.rocksdb:rocksdbjni:$rocksdb_version" "$download" || return 1
    unzip -p "$download/org/rocksdb/rocksdbjni/$rocksdb_version/rocksdbjni-$rocksdb_version.jar" "$member" \
        >"$download/librocksdb.so" || return 1
    nm -D --defined-only "$download/librocksdb.so" | grep -c ' T rocksdb_open$' >/dev/null || return 1
    mkdir -p "$rocksdb_dir/lib"
    mv "$download/librocksdb.so" "$rocksdb_dir/lib/librocksdb.so"
    rm -rf "$download"
}

rocksdb_member() {
    case $(rustc -vV | sed -n 's/^host: //p') in
        x86_64-*-linux-gnu) echo librocksdbjni-linux64.so ;;
        x86_64-*-linux-musl) echo librocksdbjni-linux64-musl.so ;;
        aarch64-*-linux-gnu) echo librocksdbjni-linux-aarch64.so ;;
        aarch64-*-linux-musl) echo librocksdbjni-linux-aarch64-musl.so ;;
        riscv64*-linux-gnu) echo librocksdbjni-linux-riscv64.so ;;
        *) return 1 ;;
    esac
}

# The library has no SONAME, so binaries ask for "librocksdb.so" by name and find it through the rpath.
point_cargo_at_rocksdb() {
    local lib=$rocksdb_dir/lib file=$sluice_root/.cargo/local.toml wanted
    wanted=$(
        echo '# Written by ./dev deps.'
        echo '[env]'
        echo "ROCKSDB_LIB_DIR = \"$lib\""
        echo "[target.'cfg(target_os = \"linux\")']"
        echo "rustflags = [\"-Clink-arg=-Wl,-rpath,$lib\"$(faster_linker)]"
    )
    # An unchanged file keeps its time stamp.
    [ "$(cat "$file" 2>/dev/null)" = "$wanted" ] || printf '%s\n' "$wanted" >"$file"
}

# On x86-64 Linux rustc links with its own lld already.
faster_linker() {
    [ "$(uname -m)" != x86_64 ] || return 0
    if have ld.lld; then echo ', "-Clink-arg=-fuse-ld=lld"'; fi
}

main "$@"
