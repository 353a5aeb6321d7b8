//! Help, completions, and arguments that are refused.

use crate::process::without_state;

#[test]
fn help_documents_the_exit_codes_and_every_command_has_help() {
    let help = without_state(&["--help"]);
    assert!(help.stdout.contains("Exit codes:"), "{}", help.stdout);
    let commands = [
        &["up"][..],
        &["run"],
        &["edge"],
        &["topics", "plan"],
        &["topics", "apply"],
        &["schemas", "check"],
        &["schemas", "register"],
        &["topology", "list"],
        &["topology", "describe"],
        &["offsets", "show"],
        &["offsets", "reset"],
        &["consume"],
        &["audit"],
        &["load"],
        &["metrics"],
        &["completions"],
    ];
    for command in commands {
        let help = without_state(&[command, &["--help"]].concat());
        assert_eq!(help.code, 0, "{command:?}");
    }
}

#[test]
fn completions_are_printed_for_a_shell() {
    let printed = without_state(&["completions", "bash"]);
    assert!(printed.stdout.contains("_sluice"), "{}", printed.stdout);
}

#[test]
fn what_cannot_be_meant_is_refused_with_code_2() {
    let refused = [
        &["offsets", "reset", "orders"][..],
        &["offsets", "reset", "orders", "--to-earliest", "--to-latest"],
        &["offsets", "reset", "orders", "--by-duration", "1 hour"],
        &[
            "offsets",
            "reset",
            "orders",
            "--to-earliest",
            "--keep-state",
            "--accept-state-loss",
        ],
        &["load", "--orders", "0"],
        &["run", "orders"],
        &["edge"],
        &[
            "--kafka",
            "127.0.0.1:1",
            "up",
            "--listen",
            "127.0.0.1:0",
            "--admin-listen",
            "127.0.0.1:0",
        ],
    ];
    for arguments in refused {
        let done = without_state(arguments);
        assert_eq!(done.code, 2, "{arguments:?}: {}", done.stderr);
    }
}
