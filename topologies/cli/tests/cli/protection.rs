//! Nothing leaves the machine in the clear by accident, and half of a protection is none.

use crate::process::without_state;

/// Listeners on loopback, where nobody else listens.
const HERE: [&str; 4] = ["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];

/// A command that is refused, and what its message names.
fn refused(arguments: &[&str]) -> String {
    let done = without_state(arguments);
    assert_eq!(done.code, 2, "{arguments:?}: {}", done.stderr);
    done.stderr
}

#[test]
fn what_would_be_spoken_to_in_the_clear_elsewhere_is_refused_with_what_to_do() {
    let registry_here = ["--registry", "http://127.0.0.1:1"];
    let kafka_here = ["--kafka", "127.0.0.1:1"];
    let cases: [(&[&str], &str, &str); 8] = [
        (
            &["up", "--listen", "0.0.0.0:0", "--admin-listen", "127.0.0.1:0"],
            "listen",
            "--tls-certificate-file",
        ),
        (
            &["up", "--listen", "[::]:0", "--admin-listen", "127.0.0.1:0"],
            "listen",
            "--tls-certificate-file",
        ),
        (
            &["up", "--listen", "127.0.0.1:0", "--admin-listen", "0.0.0.0:0"],
            "admin",
            "--internal-ca-file",
        ),
        (
            &[&["up", "--redis", "redis://:hunter2@redis:6379"][..], &HERE].concat(),
            "redis",
            "rediss",
        ),
        (
            &[&["up", "--otlp-endpoint", "http://collector:4318"][..], &HERE].concat(),
            "collector",
            "https",
        ),
        (
            &[
                &["topics", "plan", "--kafka", "127.0.0.1:1,kafka:9092"][..],
                &registry_here,
            ]
            .concat(),
            "kafka",
            "security.protocol",
        ),
        (
            &[
                &[
                    "topics",
                    "plan",
                    "--kafka",
                    "kafka:9092",
                    "--kafka-property",
                    "security.protocol=sasl_plaintext",
                ][..],
                &registry_here,
            ]
            .concat(),
            "kafka",
            "security.protocol",
        ),
        (
            &[
                &["schemas", "check", "--registry", "http://registry:8081"][..],
                &kafka_here,
            ]
            .concat(),
            "registry",
            "https",
        ),
    ];
    for (arguments, name, remedy) in cases {
        let said = refused(arguments);
        assert!(
            said.contains(&format!("--allow-plaintext {name}")),
            "{arguments:?}: {said}"
        );
        assert!(said.contains(remedy), "{arguments:?}: {said}");
        assert!(!said.contains("hunter2"), "{said}");
    }
}

#[test]
fn only_what_is_said_to_be_meant_is_let_through() {
    // With it the command goes on, to a broker that is not there: another exit code.
    let arguments = [
        "topics",
        "plan",
        "--kafka",
        "localhost.invalid:1",
        "--registry",
        "http://127.0.0.1:1",
    ];
    let with = |allowed: &str| without_state(&[&arguments[..], &["--allow-plaintext", allowed]].concat()).code;
    assert_eq!([with("registry,redis"), with("redis,kafka")], [2, 3]);
}

#[test]
fn half_of_an_identity_is_refused_and_so_are_files_that_hold_nothing() {
    let half = refused(&[&["up", "--tls-certificate-file", "only.crt"][..], &HERE].concat());
    assert!(half.contains("--tls-key-file"), "{half}");
    let half = refused(&[&["up", "--internal-key-file", "only.key"][..], &HERE].concat());
    assert!(half.contains("--internal-certificate-file"), "{half}");
    let gone = without_state(&[&["up", "--internal-ca-file", "gone.pem"][..], &HERE].concat());
    assert!(gone.code == 1 && gone.stderr.contains("gone.pem"), "{}", gone.stderr);
}

#[test]
fn rights_on_kafka_are_printed_without_asking_kafka_and_for_known_parts_only() {
    let printed = without_state(&["topics", "acls", "edge", "--principal", "User:CN=edge"]);
    assert_eq!(printed.code, 0, "{}", printed.stderr);
    for line in printed.stdout.lines() {
        assert!(line.starts_with("--add --allow-principal User:CN=edge "), "{line}");
    }
    let writes: Vec<&str> = printed
        .stdout
        .lines()
        .filter(|line| line.contains("--operation Write"))
        .collect();
    assert!(
        writes.iter().any(|line| line.contains("--topic order-commands")),
        "{writes:?}"
    );
    assert!(writes.iter().all(|line| !line.contains("--topic orders")), "{writes:?}");
    let unknown = refused(&["topics", "acls", "orderz"]);
    assert!(unknown.contains("orders"), "{unknown}");
}
