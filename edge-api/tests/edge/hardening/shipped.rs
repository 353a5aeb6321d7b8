//! The text of what is shipped.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Whose code is in the program.
const SHIPPED: [&str; 9] = [
    "edge-api",
    "schemas",
    "state-stores",
    "topologies/cli",
    "topologies/commerce",
    "topologies/planted",
    "topologies/runtime",
    "topologies/simulation",
    "topologies/streams",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The text of every file of what is shipped, without its tests.
fn shipped() -> Vec<(String, String)> {
    let mut directories: Vec<PathBuf> = SHIPPED.iter().map(|room| root().join(room).join("src")).collect();
    let mut files = Vec::new();
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                let shipped = text.split("#[cfg(test)]\nmod tests").next().unwrap().to_owned();
                files.push((path.strip_prefix(root()).unwrap().display().to_string(), shipped));
            }
        }
    }
    assert!(files.len() > 200, "{}", files.len());
    files
}

#[test]
fn what_is_shipped_starts_no_program_and_runs_no_script_but_its_own() {
    let mut scripts = 0;
    for (file, text) in shipped() {
        for call in ["process::Command", "Command::new", "libc::system", "execve"] {
            assert!(!text.contains(call), "{call} in {file}");
        }
        for script in text.split("Script::new(").skip(1).map(str::trim_start) {
            let is_constant = script.starts_with("include_str!(\"") || script.starts_with('"');
            assert!(is_constant && file == "edge-api/src/sessions/redis.rs", "{file}");
            scripts += 1;
        }
    }
    assert_eq!(scripts, 4);
}

#[test]
fn what_is_shipped_writes_no_json_by_hand() {
    // The thumbprint of a key is the hash of a JSON text in one exact form (RFC 7638), made of the base 64 of a key.
    let but = "edge-api/src/auth/keys.rs";
    for (file, text) in shipped() {
        let by_hand = [r#"!(r#"{{""#, r#", r#"{{""#, r#"!("{{\""#, r#", "{{\""#];
        let count: usize = by_hand.iter().map(|begin| text.matches(begin).count()).sum();
        assert_eq!(count, usize::from(file == but), "{file}");
    }
}

#[test]
fn no_client_of_what_is_shipped_follows_a_redirect() {
    let mut clients = 0;
    for (file, text) in shipped() {
        let by_default = ["Client::new()", "ClientBuilder::"];
        assert!(!by_default.iter().any(|made| text.contains(made)), "{file} follows ten");
        for made in text.split("Client::builder()").skip(1) {
            let settings = made.split(';').next().unwrap();
            let follows_none = settings.contains(".redirect(") && settings.contains("Policy::none())");
            assert!(follows_none, "{file}");
            clients += 1;
        }
    }
    assert!(clients >= 3, "{clients}");
}

#[test]
fn what_is_shipped_has_one_source_of_what_nobody_can_guess() {
    for (file, text) in shipped() {
        for source in ["rand::", "thread_rng", "getrandom", "RandomState", "SystemRandom"] {
            let is_there = text.contains(source);
            // The simulation takes its chances from a seed, and makes no secrets.
            let may = file == "edge-api/src/clock.rs" || file.starts_with("topologies/simulation/");
            assert!(!is_there || may, "{source} in {file}");
        }
    }
}

#[test]
fn the_image_has_the_program_and_nothing_of_the_repository() {
    let read = |name: &str| std::fs::read_to_string(root().join("compose").join(name)).unwrap();
    assert!(read("Dockerfile.dockerignore").lines().any(|line| line == ".git"));
    let dockerfile = read("Dockerfile");
    let last = dockerfile.rsplit("\nFROM ").next().unwrap();
    let copied: Vec<&str> = last
        .lines()
        .filter(|line| line.starts_with("COPY") || line.starts_with("ADD"))
        .collect();
    assert_eq!(
        copied,
        [
            "COPY --from=build /image/ /",
            "COPY compose/entrypoint.sh /usr/local/bin/sluice-entrypoint"
        ]
    );
    assert!(last.lines().any(|line| line == "USER sluice"));
}

#[test]
fn what_is_shipped_leaves_out_what_tries_it_out() {
    let dockerfile = std::fs::read_to_string(root().join("compose/Dockerfile")).unwrap();
    let build = "cargo build --locked -p sluice --no-default-features";
    assert!(dockerfile.contains(build), "the image is not built with: {build}");
    let tree = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--package",
            "sluice",
            "--edges",
            "normal",
            "--prefix",
            "none",
            "--format",
            "{p}",
        ])
        .args(["--no-default-features", "--locked", "--offline"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    let printed = String::from_utf8(tree.stdout).unwrap();
    let crates: BTreeSet<&str> = printed.lines().filter_map(|line| line.split(' ').next()).collect();
    assert!(crates.contains("edge-api") && crates.contains("runtime"), "{crates:?}");
    for trial in ["simulation", "e2e", "benchmark", "rcgen", "proptest"] {
        assert!(!crates.contains(trial), "{trial} is in the program");
    }
    // The commands go with the crate that they need.
    let commands = std::fs::read_to_string(root().join("topologies/cli/src/commands/mod.rs")).unwrap();
    for name in ["load", "sim"] {
        let declared = format!("#[cfg(feature = \"trials\")]\npub(crate) mod {name};");
        assert!(commands.contains(&declared), "{name}");
    }
}
