//! Counts restored records, as a metrics backend would see them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock};

use metrics::{Counter, CounterFn, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};

type Totals = Arc<Mutex<BTreeMap<String, u64>>>;

/// Changelog records that this process has replayed for the application since it called [`watch`].
pub(crate) fn restored_records(application_id: &str) -> u64 {
    totals().lock().unwrap().get(application_id).copied().unwrap_or(0)
}

/// Installs the recorder of this process, once.
pub(crate) fn watch() {
    static INSTALLED: OnceLock<()> = OnceLock::new();
    INSTALLED.get_or_init(|| metrics::set_global_recorder(Restores(Arc::clone(totals()))).unwrap());
}

fn totals() -> &'static Totals {
    static TOTALS: OnceLock<Totals> = OnceLock::new();
    TOTALS.get_or_init(Totals::default)
}

struct Restores(Totals);

struct Restored {
    totals: Totals,
    application_id: String,
}

impl CounterFn for Restored {
    fn increment(&self, value: u64) {
        *self
            .totals
            .lock()
            .unwrap()
            .entry(self.application_id.clone())
            .or_default() += value;
    }

    fn absolute(&self, value: u64) {
        self.totals.lock().unwrap().insert(self.application_id.clone(), value);
    }
}

impl Recorder for Restores {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        let application = key.labels().find(|label| label.key() == "application");
        match (key.name(), application) {
            ("sluice_restored_records_total", Some(application)) => Counter::from_arc(Arc::new(Restored {
                totals: Arc::clone(&self.0),
                application_id: application.value().to_owned(),
            })),
            _ => Counter::noop(),
        }
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}
