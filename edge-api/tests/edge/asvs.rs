//! ASVS.md says what holds and what shows it: here it is held against the repository.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::read_to_string;
use std::path::Path;

/// Items of ASVS 5.0.0, levels 1 and 2, that apply.
const ITEMS: usize = 171;
/// Items that are let go although they apply.
const WAIVED_MAX: usize = 2;
/// Crates that have cryptography or randomness in them. One of them that a shipped crate names belongs into the inventory.
const CRYPTOGRAPHY: &str = "aes aes-gcm argon2 aws-lc-rs bcrypt blake2 blake3 chacha20poly1305 des ecdsa ed25519-dalek fastrand getrandom \
    hkdf hmac jsonwebtoken md-5 md5 native-tls openssl oorandom p256 pbkdf2 rand rand_core rc4 ring rsa rustls scrypt secp256k1 sha1 \
    sha2 sha3 subtle uuid x25519-dalek zeroize";

struct Row<'d> {
    id: &'d str,
    level: &'d str,
    proof: &'d str,
    status: &'d str,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn document() -> String {
    read_to_string(root().join("edge-api/ASVS.md")).unwrap()
}

/// The cells of every line of a table.
fn lines(document: &str) -> impl Iterator<Item = Vec<&str>> {
    let lines = document
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
    lines.map(|line| line.split(" | ").map(str::trim).collect())
}

fn rows(document: &str) -> Vec<Row<'_>> {
    let items = lines(section(document, "Items"));
    items
        .filter(|cells| is_item(cells[0]))
        .map(|cells| row(&cells))
        .collect()
}

fn is_item(cell: &str) -> bool {
    cell.starts_with('V') && cell.contains('.')
}

fn row<'d>(cells: &[&'d str]) -> Row<'d> {
    let [id, level, _, _, proof, status] = *cells else {
        panic!("{cells:?} has not six cells")
    };
    Row {
        id,
        level,
        proof,
        status,
    }
}

/// What stands under a heading.
fn section<'d>(document: &'d str, heading: &str) -> &'d str {
    let (_, after) = document.split_once(&format!("\n## {heading}\n")).expect(heading);
    after.split("\n## ").next().unwrap()
}

/// What stands between backquotes.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// Whether this is the name of a file, and if so, whether the file is there and has what is named behind a colon.
fn is_there(reference: &str) -> Option<bool> {
    let (file, part) = reference.split_once(": ").unwrap_or((reference, ""));
    let is_of = |extension: &str| Path::new(file).extension().is_some_and(|its| its == extension);
    let is_file = file == "dev" || file.starts_with('.') || file.contains('/') || is_of("toml");
    let text = is_file.then(|| read_to_string(root().join(file)).unwrap_or_default())?;
    let is_test = is_of("rs") && !part.is_empty();
    let part = if is_test {
        format!("fn {part}(")
    } else {
        part.to_owned()
    };
    Some(!text.is_empty() && text.contains(&part))
}

#[test]
fn every_item_stands_once_and_the_counts_are_those_of_the_table() {
    let document = document();
    let rows = rows(&document);
    assert_eq!(rows.len(), ITEMS);
    let ids: BTreeSet<&str> = rows.iter().map(|row| row.id).collect();
    assert_eq!(ids.len(), rows.len(), "an id stands twice");
    assert!(rows.iter().all(|row| ["1", "2"].contains(&row.level)));
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for row in &rows {
        *counts.entry(row.status).or_default() += 1;
    }
    let said: BTreeMap<&str, usize> = lines(section(&document, "Counts"))
        .filter_map(|cells| Some((cells[0], cells[1].parse().ok()?)))
        .collect();
    assert_eq!(counts, said);
    // An item that does not hold any more is mended, or waived with its reason: none is left open.
    let known = ["by construction", "shown", "waived"];
    assert!(counts.keys().all(|status| known.contains(status)), "{counts:?}");
    assert!(counts.get("waived").is_none_or(|waived| *waived <= WAIVED_MAX));
}

#[test]
fn every_proof_that_is_named_is_there() {
    let document = document();
    for row in rows(&document) {
        let found: Vec<(&str, bool)> = quoted(row.proof)
            .filter_map(|reference| Some((reference, is_there(reference)?)))
            .collect();
        for (reference, is_there) in &found {
            assert!(is_there, "{}: {reference}", row.id);
        }
        let names_one = found.iter().any(|(reference, _)| reference.contains(": "));
        assert!(
            names_one || row.status != "shown",
            "{} names nothing that shows it",
            row.id
        );
        let says_why = !row.proof.is_empty() && row.proof != "-";
        assert!(says_why, "{} has neither a proof nor a reason", row.id);
    }
}

#[test]
fn every_limit_that_the_document_tells_is_the_one_of_the_code() {
    let document = document();
    let code = read_to_string(root().join("edge-api/src/limits.rs")).unwrap();
    let mut told = 0;
    for cells in lines(section(&document, "Limits")).filter(|cells| cells[0].starts_with('`')) {
        let (name, value) = (cells[0].trim_matches('`'), cells[1].trim_matches('`'));
        let line = code
            .lines()
            .find(|line| line.starts_with(&format!("pub const {name}: ")));
        assert!(
            line.is_some_and(|line| line.ends_with(&format!(" = {value};"))),
            "{name}"
        );
        told += 1;
    }
    assert!(told > 30, "{told}");
}

#[test]
fn every_word_that_no_password_may_be_made_of_is_told() {
    let document = document();
    let told: BTreeSet<&str> = quoted(section(&document, "Passwords")).collect();
    let rules = read_to_string(root().join("edge-api/src/auth/passwords/rules.rs")).unwrap();
    let (_, words) = rules.split_once("const WORDS").unwrap();
    let words: Vec<&str> = words.split(';').nth(1).unwrap().split('"').skip(1).step_by(2).collect();
    assert!(words.len() > 20, "{words:?}");
    for word in words {
        assert!(told.contains(word), "{word}");
    }
}

#[test]
fn the_inventory_of_cryptography_has_every_crate_that_does_any() {
    let document = document();
    let inventory: BTreeSet<&str> = quoted(section(&document, "Keys and cryptography")).collect();
    let cryptography: BTreeSet<&str> = CRYPTOGRAPHY.split_whitespace().collect();
    let mut used = BTreeSet::new();
    for room in [
        "edge-api",
        "schemas",
        "state-stores",
        "topologies/cli",
        "topologies/commerce",
        "topologies/planted",
    ]
    .iter()
    .chain(&["topologies/runtime", "topologies/simulation", "topologies/streams"])
    {
        let manifest = read_to_string(root().join(room).join("Cargo.toml")).unwrap();
        let shipped = manifest.split("[dev-dependencies]").next().unwrap();
        let names = shipped.lines().filter_map(|line| line.split(['=', '.', ' ']).next());
        used.extend(names.filter_map(|name| cryptography.get(name)));
    }
    let listed: BTreeSet<&str> = cryptography.intersection(&inventory).copied().collect();
    assert_eq!(used, listed);
}
