//! `sluice load`.

use crate::process::Sluice;

#[test]
fn a_load_counts_every_order_and_keeps_a_ledger_of_them() {
    let sluice = Sluice::new();
    let up = sluice.up();
    let ledger = tempfile::NamedTempFile::new().unwrap();
    let path = ledger.path().to_str().unwrap();
    let load = [
        "load",
        "--url",
        &up.url,
        "--orders",
        "60",
        "--rate",
        "0",
        "--concurrency",
        "20",
        "--buyers",
        "3",
    ];
    let more = [
        "--products",
        "3",
        "--lines",
        "2",
        "--declines",
        "20",
        "--stock-outs",
        "20",
        "--ledger",
        path,
    ];
    let summary = sluice.json(&[&load[..], &more[..]].concat());
    up.stop();

    assert_eq!(summary["accepted"], 60);
    assert_eq!(summary["settled"], 60);
    let by_status = summary["by_status"].as_object().unwrap();
    assert_eq!(by_status.values().map(|count| count.as_u64().unwrap()).sum::<u64>(), 60);
    for status in ["PAID", "CANCELLED OUT_OF_STOCK", "CANCELLED INSUFFICIENT_FUNDS"] {
        assert!(by_status.contains_key(status), "{status}: {summary}");
    }
    assert!(summary["post_to_final_ms"]["p50"].as_f64().unwrap() > 0.0);

    let written = std::fs::read_to_string(path).unwrap();
    let entries: Vec<serde_json::Value> = written
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(entries.len(), 60);
    assert!(
        entries
            .iter()
            .all(|entry| entry["settled"] == true && entry["order_id"].is_string())
    );
}

#[test]
fn an_edge_that_does_not_answer_has_its_own_exit_code() {
    let sluice = Sluice::new();
    let done = sluice.run(&[
        "load",
        "--url",
        "http://127.0.0.1:1",
        "--orders",
        "1",
        "--patience",
        "0",
    ]);
    assert_eq!(done.code, 3, "{}", done.stderr);
}
