//! What `/metrics` shows, and the table that it is held against.

use std::collections::{BTreeMap, BTreeSet};

use e2e::results;

/// One metric of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Declared {
    pub(crate) kind: String,
    pub(crate) labels: BTreeSet<String>,
}

/// The table, as the binary tells it.
pub(crate) fn table() -> BTreeMap<String, Declared> {
    let listed = results(&["metrics"], &[]).unwrap();
    let declared = listed.as_array().unwrap().iter().map(|line| {
        let labels = line["labels"].as_array().unwrap().iter();
        let declared = Declared {
            kind: line["kind"].as_str().unwrap().to_owned(),
            labels: labels.map(|label| label.as_str().unwrap().to_owned()).collect(),
        };
        (line["name"].as_str().unwrap().to_owned(), declared)
    });
    declared.collect()
}

/// The metrics of a scrape. Panics where two series of one metric have other labels.
pub(crate) fn shown(scrape: &str) -> BTreeMap<String, Declared> {
    let mut kinds = BTreeMap::new();
    let mut found: BTreeMap<String, Declared> = BTreeMap::new();
    for line in scrape.lines().filter(|line| !line.is_empty()) {
        if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ').unwrap();
            kinds.insert(name.to_owned(), kind.to_owned());
        } else if !line.starts_with('#') {
            let (series, labels) = labels(line);
            let (name, kind) = family(&kinds, series);
            let declared = Declared { kind, labels };
            let known = found.entry(name.clone()).or_insert_with(|| declared.clone());
            assert_eq!(*known, declared, "{line}");
        }
    }
    found
}

/// The metric that a series belongs to.
pub(crate) fn family_name(series: &str, is_known: impl Fn(&str) -> bool) -> Option<String> {
    let ends = ["", "_bucket", "_sum", "_count"];
    let names = ends.iter().filter_map(|end| series.strip_suffix(end));
    names.map(str::to_owned).find(|name| is_known(name))
}

fn family(kinds: &BTreeMap<String, String>, series: &str) -> (String, String) {
    let name = family_name(series, |name| kinds.contains_key(name)).unwrap_or_else(|| panic!("{series} has no type"));
    let kind = kinds[&name].clone();
    (name, kind)
}

/// The name of a series and those of its labels, without the bound of a bucket.
fn labels(line: &str) -> (&str, BTreeSet<String>) {
    let Some((name, rest)) = line.split_once('{') else {
        return (line.split(' ').next().unwrap(), BTreeSet::new());
    };
    let inside = rest.rsplit_once('}').unwrap().0;
    let mut labels = BTreeSet::new();
    let mut rest = inside;
    while let Some((label, behind)) = rest.split_once("=\"") {
        labels.insert(label.trim_start_matches(',').to_owned());
        rest = behind.split_once('"').unwrap().1;
    }
    labels.remove("le");
    (name, labels)
}
