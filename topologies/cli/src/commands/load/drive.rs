//! Places the orders when they are due, and follows each to its final status.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use reqwest::StatusCode;
use tokio::sync::{Semaphore, mpsc};

use super::LoadArguments;
use super::cast::{Cast, Draft};
use super::ledger::Ledger;
use super::shop::{Account, Call, Shop};
use super::tally::{Summary, Tally};
use crate::progress::Progress;
use crate::signals::Signals;

/// Seconds that one GET lets the edge wait for the final status.
const WAIT_PER_GET: Duration = Duration::from_secs(20);
/// Outcomes that wait to be counted.
const OUTCOMES_WAITING_MAX: usize = 1_024;

/// What became of one order.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) key: String,
    pub(super) buyer: String,
    /// `None` when the POST was not answered as it should be; the order may exist all the same.
    pub(super) order_id: Option<String>,
    /// From when the order was due until it was accepted.
    pub(super) accepted_after: Option<Duration>,
    /// From when the order was due until its final status was seen.
    pub(super) settled_after: Option<Duration>,
    /// The last status that was seen.
    pub(super) status: Option<String>,
    pub(super) cancel_reason: Option<String>,
    pub(super) error: Option<String>,
}

/// An order that is final, and its buyer.
pub(super) async fn settled_order(
    shop: &Shop,
    cast: &Cast,
    patience: Duration,
) -> anyhow::Result<(Arc<Account>, String)> {
    // Behind all that the load places.
    let draft = cast.draft(u64::MAX)?;
    let buyer = Arc::clone(&draft.buyer);
    let outcome = follow(
        shop,
        draft,
        Instant::now(),
        Follow {
            patience,
            to_its_end: true,
        },
    )
    .await;
    let order_id = outcome.order_id.filter(|_| outcome.settled_after.is_some());
    let reason = outcome.error.unwrap_or_default();
    Ok((
        buyer,
        order_id.with_context(|| format!("no order became final: {reason}"))?,
    ))
}

/// Places every order and counts what becomes of them. A signal stops new orders; those under way are followed to their end.
pub(super) async fn drive(
    shop: Arc<Shop>,
    cast: Arc<Cast>,
    arguments: &LoadArguments,
    ledger: Option<Ledger>,
    progress: Progress,
    mut signals: Signals,
) -> anyhow::Result<Summary> {
    let (report, outcomes) = mpsc::channel(OUTCOMES_WAITING_MAX);
    let began = Instant::now();
    let counting = tokio::spawn(count(outcomes, Tally::default(), ledger, progress));
    let placing = place_all(Arc::clone(&shop), cast, arguments, report, began);
    tokio::select! {
        placed = placing => placed?,
        () = signals.next() => tracing::info!("interrupted: no further orders, those under way are finished"),
    }
    let tally = counting.await??;
    Ok(tally.summary(began.elapsed(), shop.retries()))
}

async fn place_all(
    shop: Arc<Shop>,
    cast: Arc<Cast>,
    arguments: &LoadArguments,
    report: mpsc::Sender<Outcome>,
    began: Instant,
) -> anyhow::Result<()> {
    let room = Arc::new(Semaphore::new(arguments.concurrency as usize));
    let how = Follow {
        patience: arguments.patience(),
        to_its_end: !arguments.acceptance_only,
    };
    for number in 0..arguments.orders {
        let due = due(began, number, arguments.rate);
        if let Some(due) = due {
            tokio::time::sleep_until(due.into()).await;
        }
        let permit = Arc::clone(&room).acquire_owned().await?;
        let draft = cast.draft(number)?;
        let (shop, report) = (Arc::clone(&shop), report.clone());
        let due = due.unwrap_or_else(Instant::now);
        tokio::spawn(async move {
            let outcome = follow(&shop, draft, due, how).await;
            // The counter ends only after all senders have; where it failed, its error is the one to tell.
            drop(report.send(outcome).await);
            drop(permit);
        });
    }
    Ok(())
}

/// When an order is due; `None` when it is as soon as there is room.
fn due(began: Instant, number: u64, rate: f64) -> Option<Instant> {
    #[expect(clippy::cast_precision_loss, reason = "order numbers are far below 2^52")]
    let seconds = (rate > 0.0).then(|| number as f64 / rate)?;
    began.checked_add(Duration::try_from_secs_f64(seconds).ok()?)
}

async fn count(
    mut outcomes: mpsc::Receiver<Outcome>,
    mut tally: Tally,
    mut ledger: Option<Ledger>,
    progress: Progress,
) -> anyhow::Result<Tally> {
    while let Some(outcome) = outcomes.recv().await {
        if let Some(ledger) = &mut ledger {
            ledger.write(&outcome)?;
        }
        tally.add(outcome);
        progress.advance();
    }
    progress.finish();
    ledger.map_or(Ok(()), Ledger::finish)?;
    Ok(tally)
}

/// How far an order is followed.
#[derive(Debug, Clone, Copy)]
struct Follow {
    /// How long it is waited for.
    patience: Duration,
    /// To its final status, or only until it is accepted.
    to_its_end: bool,
}

async fn follow(shop: &Shop, draft: Draft, due: Instant, how: Follow) -> Outcome {
    let mut outcome = Outcome {
        key: draft.key.clone(),
        buyer: draft.buyer.email.clone(),
        order_id: None,
        accepted_after: None,
        settled_after: None,
        status: None,
        cancel_reason: None,
        error: None,
    };
    if let Err(error) = place_and_wait(shop, &draft, due, how, &mut outcome).await {
        outcome.error = Some(format!("{error:#}"));
    }
    outcome
}

async fn place_and_wait(
    shop: &Shop,
    draft: &Draft,
    due: Instant,
    how: Follow,
    outcome: &mut Outcome,
) -> anyhow::Result<()> {
    let post = Call::post("/orders", draft.body.clone())
        .by(&draft.buyer)
        .named(&draft.key);
    let answer = shop.call(&post).await?;
    let order_id = answer
        .text("order_id")
        .filter(|_| answer.status == StatusCode::ACCEPTED);
    let order_id = order_id.ok_or_else(|| answer.unexpected("POST /orders"))?.to_owned();
    outcome.accepted_after = Some(due.elapsed());
    outcome.order_id = Some(order_id.clone());
    if !how.to_its_end {
        outcome.status = Some("ACCEPTED".to_owned());
        return Ok(());
    }
    let deadline = Instant::now() + how.patience;
    let get = Call::get(format!("/orders/{order_id}"))
        .by(&draft.buyer)
        .waiting(WAIT_PER_GET);
    while Instant::now() < deadline {
        let answer = shop.call(&get).await?;
        if answer.status != StatusCode::OK {
            return Err(answer.unexpected("GET /orders/{id}"));
        }
        outcome.status = answer.text("status").map(str::to_owned);
        outcome.cancel_reason = answer.text("cancel_reason").map(str::to_owned);
        if answer.body.get("needs_attention") == Some(&true.into()) {
            outcome.status = Some("NEEDS_ATTENTION".to_owned());
        }
        if matches!(
            outcome.status.as_deref(),
            Some("PAID" | "CANCELLED" | "NEEDS_ATTENTION")
        ) {
            outcome.settled_after = Some(due.elapsed());
            return Ok(());
        }
    }
    anyhow::bail!(
        "order {order_id} has no final status after {} s",
        how.patience.as_secs()
    )
}
