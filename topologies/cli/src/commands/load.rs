//! `sluice load`: orders at a rate, and how long they take.

mod cast;
mod crowd;
mod drive;
mod ledger;
mod shop;
mod tally;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::Args;

use self::cast::Cast;
use self::crowd::Crowd;
use self::ledger::Ledger;
use self::shop::Shop;
use self::tally::{Summary, Tally};
use crate::exit;
use crate::progress::Progress;
use crate::settings::Settings;
use crate::signals::Signals;
use crate::terminal;

/// What is measured beside a crowd is that it is there, not how it came.
const CROWD_SETTLES: Duration = Duration::from_secs(5);

#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Registers accounts and products of its own, so it can run against a shop that is in use, and leaves them there. A request that
gets no answer, 429 or 503 is sent again with the same Idempotency-Key. Exits with 1 when an order was not accepted or has no
final status in the end. With a rate, times count from the moment at which an order was due, so a slow answer delays no clock.")]
pub(crate) struct LoadArguments {
    /// Base URL of an edge; with several, requests take turns.
    #[arg(
        long = "url",
        value_name = "URL",
        default_value = "http://127.0.0.1:8080",
        value_delimiter = ','
    )]
    urls: Vec<String>,

    /// Orders to place.
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    orders: u64,

    /// Orders per second; 0 is as fast as --concurrency lets them.
    #[arg(long, value_name = "R", default_value_t = 50.0)]
    rate: f64,

    /// Orders under way at the same time, at most.
    #[arg(long, value_name = "C", default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    concurrency: u32,

    /// Buyers who place them.
    #[arg(long, value_name = "B", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    buyers: u32,

    /// Products that they order.
    #[arg(long, value_name = "P", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    products: u32,

    /// Lines of each order, each of another product.
    #[arg(long, value_name = "L", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100))]
    lines: u32,

    /// Percentage of orders by buyers without money.
    #[arg(long, value_name = "%", default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=100))]
    declines: u8,

    /// Percentage of orders with a product that is sold out.
    #[arg(long, value_name = "%", default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=100))]
    stock_outs: u8,

    /// Percentage of orders that a card of the sandbox pays (`--payment-provider sandbox`): most are approved, some are declined,
    /// answered twice, or asked about again.
    #[arg(long, value_name = "%", default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=100))]
    cards: u8,

    /// Seconds for which a request is sent again before its order counts as failed, and for which a final status is waited for.
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    patience: u64,

    /// Follow no order to its final status: only what the edge does is measured, and it may do it alone.
    #[arg(long)]
    acceptance_only: bool,

    /// Accounts and products are kept in this file, and used again by a later run that finds it, without asking the shop for them.
    /// It has passwords and tokens of the accounts that were made for it.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["declines", "stock_outs"])]
    cast: Option<PathBuf>,

    /// Streams of an order on which nothing happens, open beside the load.
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=10_000))]
    idle_streams: u32,

    /// Clients beside the load that send a byte of their request a second.
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=10_000))]
    slow_clients: u32,

    /// Write a JSON line for every order that may have been accepted: idempotency key, order id, final status.
    #[arg(long, value_name = "FILE")]
    ledger: Option<PathBuf>,
}

impl LoadArguments {
    fn patience(&self) -> Duration {
        Duration::from_secs(self.patience)
    }
}

pub(crate) fn run(settings: &Settings, arguments: &LoadArguments) -> anyhow::Result<ExitCode> {
    // One thread: the cores are for the shop, which may be on the same machine.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the asynchronous runtime")?;
    let summary = runtime.block_on(load(arguments))?;
    if settings.json() {
        terminal::json(&summary)?;
    } else {
        summary.print()?;
    }
    Ok(ExitCode::from(if summary.is_clean() {
        exit::SUCCESS
    } else {
        exit::FAILURE
    }))
}

async fn load(arguments: &LoadArguments) -> anyhow::Result<Summary> {
    let mut signals = Signals::listen()?;
    let ledger = arguments.ledger.as_deref().map(Ledger::create).transpose()?;
    let shop = Arc::new(Shop::new(&arguments.urls, arguments.patience())?);
    let cast = tokio::select! {
        cast = Cast::of(&shop, arguments) => Arc::new(cast?),
        () = signals.next() => {
            tracing::info!("interrupted before the first order");
            return Ok(Tally::default().summary(Duration::ZERO, shop.retries()));
        }
    };
    let crowd = gather(&shop, &cast, arguments).await?;
    let progress = Progress::start(arguments.orders, "orders");
    let mut summary = drive::drive(shop, cast, arguments, ledger, progress, signals).await?;
    summary.idle_streams = crowd.open();
    Ok(summary)
}

/// Whoever is there beside the load.
async fn gather(shop: &Arc<Shop>, cast: &Cast, arguments: &LoadArguments) -> anyhow::Result<Crowd> {
    let mut crowd = Crowd::nobody();
    if arguments.idle_streams > 0 {
        let (buyer, order_id) = drive::settled_order(shop, cast, arguments.patience()).await?;
        crowd.listen(shop, &buyer, &order_id, arguments.idle_streams).await?;
    }
    let url = arguments.urls.first().context("there is no URL")?;
    crowd.dawdle(url, arguments.slow_clients).await?;
    if arguments.idle_streams + arguments.slow_clients > 0 {
        tokio::time::sleep(CROWD_SETTLES).await;
    }
    Ok(crowd)
}
