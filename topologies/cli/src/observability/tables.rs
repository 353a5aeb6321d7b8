//! All metrics of a process, by what they are about.

use runtime::metric::Metric;

use super::{ORDER_METRICS, PAYOUT_METRICS, PROCESS_METRICS, SAMPLED_METRICS, TRACE_METRICS};

/// The metrics of one part.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Table {
    /// What they are about.
    pub(crate) part: &'static str,
    /// The metrics.
    pub(crate) metrics: &'static [Metric],
}

/// Every metric that a process can show.
pub(crate) fn tables() -> [Table; 10] {
    let table = |part, metrics| Table { part, metrics };
    [
        table("engine", runtime::engine_metrics::METRICS),
        table("stores and log", SAMPLED_METRICS),
        table("orders", ORDER_METRICS),
        table("payouts", PAYOUT_METRICS),
        table("payment provider", crate::provider::METRICS),
        table("edge", edge_api::metrics::METRICS),
        table("outside", runtime::outside::METRICS),
        table("webhooks", crate::webhooks::METRICS),
        table("traces", TRACE_METRICS),
        table("process", PROCESS_METRICS),
    ]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use runtime::metric::Kind;

    use super::*;

    fn all() -> Vec<Metric> {
        tables().iter().flat_map(|table| table.metrics).copied().collect()
    }

    #[test]
    fn no_two_metrics_have_one_name() {
        let names: BTreeSet<&str> = all().iter().map(|metric| metric.name).collect();
        assert_eq!(names.len(), all().len());
    }

    #[test]
    fn names_keep_the_conventions_of_prometheus() {
        for metric in all() {
            let name = metric.name;
            let is_counter = metric.kind == Kind::Counter;
            assert_eq!(name.ends_with("_total"), is_counter, "{name}");
            let is_plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
            assert!(
                is_plain(name) && metric.labels.iter().all(|label| is_plain(label)),
                "{name}"
            );
            assert!(name.starts_with("sluice_") || name.starts_with("process_"), "{name}");
            let is_timed = matches!(metric.kind, Kind::Histogram(_));
            assert!(!is_timed || metric.unit().is_some(), "{name} tells no unit");
            assert!(metric.meaning.ends_with('.'), "{name}: {}", metric.meaning);
        }
    }
}
