# shellcheck shell=bash
# `./dev fuzz`: Schemathesis with all its checks against a running edge, as a buyer and as a seller. Sourced by ./dev.

schemathesis_version=4.32.5
# About 20,000 cases for each role.
fuzz_examples=500

fuzz() {
    step_total=6
    build_dependencies
    build_sluice
    # shellcheck source=compose/demo.sh
    . compose/demo.sh
    trap end_demo EXIT
    step "Schemathesis $schemathesis_version"
    install_schemathesis
    step "sluice up on the embedded log"
    demo_dir=$(mktemp -d)
    unset SLUICE_KAFKA SLUICE_REGISTRY SLUICE_REDIS
    # Whoever tries everything makes more requests than a customer, and says from where each comes.
    export SLUICE_QUOTA=1000000 SLUICE_PROXIES=1 SLUICE_PAYMENT_PROVIDER=sandbox
    start_demo_server "$demo_dir"
    local status=0 role
    for role in BUYER SELLER; do
        step "every operation, as a $role"
        run_schemathesis "$role" "$@" || status=1
    done
    stop_demo_server
    rm -rf "$demo_dir"
    return "$status"
}

install_schemathesis() {
    local venv=$sluice_cache/schemathesis-$schemathesis_version
    schemathesis=$venv/bin/schemathesis
    [ ! -x "$schemathesis" ] || return 0
    python3 -m venv "$venv" || die "it needs python3 with venv: apt-get install python3-venv"
    "$venv/bin/pip" install --quiet "schemathesis==$schemathesis_version"
}

# All phases: single requests, and walks along the links of the description.
run_schemathesis() { # role, further arguments
    local role=$1
    shift
    # It keeps there what `st replay` needs; in the repository its tokens would be taken for secrets.
    mkdir -p "$sluice_cache/fuzz"
    SLUICE_URL=$demo_url SLUICE_ROLE=$role SCHEMATHESIS_HOOKS=hooks PYTHONPATH=$sluice_root/compose/schemathesis \
        env -C "$sluice_cache/fuzz" "$schemathesis" --config-file "$sluice_root/compose/schemathesis/schemathesis.toml" run "$demo_url/openapi.json" \
        --checks all --phases examples,coverage,fuzzing,stateful --max-examples "$fuzz_examples" --continue-on-failure "$@"
}
