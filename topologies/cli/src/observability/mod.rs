//! What a serving process shows of itself: metrics and, beside them, what the shop's orders come to.

mod orders;
mod payouts;
mod process;
mod sampler;
mod steps;
mod tables;
mod traces;

use std::sync::Arc;

use anyhow::Context;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use runtime::metric::{Kind, Metric};

pub(crate) use orders::METRICS as ORDER_METRICS;
pub(crate) use payouts::METRICS as PAYOUT_METRICS;
pub(crate) use process::METRICS as PROCESS_METRICS;
pub(crate) use sampler::{METRICS as SAMPLED_METRICS, Sampler, Sources, ready_is};
pub(crate) use steps::observer;
pub(crate) use tables::{Table, tables};
pub(crate) use traces::{Exporter, METRICS as TRACE_METRICS, Traces};

/// Renders `/metrics`.
pub(crate) type Render = Arc<dyn Fn() -> String + Send + Sync>;

/// Becomes the recorder of the process, with everything that can be shown described.
pub(crate) fn install() -> anyhow::Result<PrometheusHandle> {
    let metrics: Vec<Metric> = tables().iter().flat_map(|table| table.metrics).copied().collect();
    let mut builder = PrometheusBuilder::new();
    for metric in &metrics {
        if let Kind::Histogram(bounds) = metric.kind {
            builder = builder.set_buckets_for_metric(Matcher::Full(metric.name.to_owned()), bounds)?;
        }
    }
    let handle = builder
        .install_recorder()
        .context("cannot install the metrics recorder")?;
    metrics.iter().for_each(Metric::describe);
    ready_is(false);
    traces::show_from_zero();
    Ok(handle)
}

/// What `/metrics` answers: what was recorded, and what the operating system says of the process at this moment.
pub(crate) fn render(handle: PrometheusHandle) -> Render {
    Arc::new(move || handle.render() + &process::render())
}
