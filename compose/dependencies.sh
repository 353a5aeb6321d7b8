# shellcheck shell=bash
# What the build needs (build_dependencies) and what the stack needs (stack_dependencies). Sourced by ./dev.
# Debian packages are installed when it runs as root; otherwise the command is printed. Repeating it costs nothing.

# Two steps: tools, and RocksDB's prebuilt library in the cache.
build_dependencies() {
    # After the plus sign of librocksdb-sys: bindings and library never differ.
    rocksdb_version=$(sed -n '/^name = "librocksdb-sys"/{n;s/.*+\(.*\)"/\1/p;}' "$sluice_root/Cargo.lock")
    rocksdb_dir=$sluice_cache/rocksdb/$rocksdb_version
    step "build tools"
    mapfile -t missing < <(missing_build_packages)
    install_packages "${missing[@]}"
    step "RocksDB $rocksdb_version, prebuilt"
    if rocksdb_present || fetch_rocksdb; then
        point_cargo_at_rocksdb
    else
        rm -f "$sluice_root/.cargo/local.toml"
        say "not to be had here: it will be compiled from source, 25-45 minutes on two cores"
    fi
}

# One step: Java, Redis, Prometheus, Kafka's jars and the registry in the cache, to run as processes.
stack_dependencies() {
    step "Kafka $KAFKA_VERSION, the registry, Redis and Prometheus, to run as processes"
    mapfile -t missing < <(missing_stack_packages)
    install_packages "${missing[@]}"
    "$sluice_root/compose/kafka/start.sh" resolve
    "$sluice_root/compose/registry/start.sh" resolve
}

missing_build_packages() {
    have cc || printf '%s\n' gcc libc6-dev
    have c++ || echo g++
    have make || echo make
    have cmake || echo cmake
    have pkg-config || echo pkg-config
    have_libclang || echo libclang-dev
    # librdkafka speaks TLS with the machine's OpenSSL, so that its fixes come with the machine's updates.
    pkg-config --exists libssl 2>/dev/null || echo libssl-dev
    rocksdb_present || missing_fetch_packages
}

missing_stack_packages() {
    missing_fetch_packages
    have redis-server || echo redis-server
    have promtool || echo prometheus
    # Sets the clock of one process: chaos/terrain.rs.
    compgen -G '/usr/lib/*/faketime/libfaketime.so.1' >/dev/null || echo libfaketime
    have curl || echo curl
    # The console is tested in a real browser; Korean pictures need a font.
    have chromium || echo chromium
    have chromedriver || echo chromium-driver
    compgen -G '/usr/share/fonts/truetype/nanum/*' >/dev/null || echo fonts-nanum
}

missing_fetch_packages() {
    have unzip || echo unzip
    have java || echo default-jre-headless
    have mvn || echo maven
}

# bindgen loads it at build time. libclang-cpp, which other packages bring along, is another library.
have_libclang() {
    local dir
    [ -z "${LIBCLANG_PATH:-}" ] || return 0
    for dir in '/usr/lib/llvm-*/lib' '/usr/lib*' '/usr/lib/*'; do
        ! compgen -G "$dir/libclang.so*" >/dev/null || return 0
        ! compgen -G "$dir/libclang-[0-9]*.so*" >/dev/null || return 0
    done
    return 1
}

install_packages() {
    [ $# -gt 0 ] || return 0
    if ! have apt-get || [ "$(id -u)" != 0 ]; then
        die "missing tools. On Debian: sudo apt-get install --no-install-recommends $*"
    fi
    say "apt-get install $*"
    export DEBIAN_FRONTEND=noninteractive
    local install=(apt-get install -y -qq --no-install-recommends "$@")
    "${install[@]}" >/dev/null 2>&1 || { apt-get update -qq >&2 && "${install[@]}" >/dev/null; } \
        || die "apt-get could not install: $*"
}

rocksdb_present() { [ -s "$rocksdb_dir/lib/librocksdb.so" ]; }

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
    [ "$(cat "$file" 2>/dev/null)" = "$wanted" ] || printf '%s\n' "$wanted" >"$file"
}

# On x86-64 Linux rustc links with its own lld already.
faster_linker() {
    [ "$(uname -m)" != x86_64 ] || return 0
    if have ld.lld; then echo ', "-Clink-arg=-fuse-ld=lld"'; fi
}
