//! `sluice up` and `sluice edge`, and what `sluice run` shares with them: starting, being ready, stopping.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ::schemas::SchemaTable;
use ::schemas::registry::SchemaRegistry;
use ::schemas::topics as page;
use anyhow::Context;
use commerce::topologies::{views, webhooks};
use edge_api::auth::revocations::Revocations;
use edge_api::clock::{SystemClock, SystemEntropy};
use edge_api::{
    CommandSerdes, EdgeParts, EdgeState, Entrance, MemorySessions, RedisAccess, RedisSessions, SessionStore,
    SessionTimes,
};
use metrics_exporter_prometheus::PrometheusHandle;
use runtime::limits::{SHUTDOWN_WAIT_MAX, ThreadLimits};
use runtime::outside::{Outside, Worker};
use runtime::queries::{Hosting, Queries, RemoteQueries};
use runtime::registry::TableResolver;
use runtime::{GlobalStreamThread, GlobalTable as _, Machine, OsMachine, StreamApplication, ThreadContext, together};
use state_stores::{StoreBudget, StoreMemory};
use streams::{Layout, Topology};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::commands::serving::addresses::{Addresses, announce};
use crate::commands::serving::keys::{breached_passwords, sealing_keys, signing_keys};
use crate::commands::serving::preparing::{Prepared, prepare};
use crate::commands::serving::watched::WatchedViews;
use crate::exit::{self, Refusal};
use crate::observability::{self, Exporter, Render, Sampler, Sources, Traces, observer};
use crate::platform::{self, Platform};
use crate::protection::{self, Transport, refuse_plaintext_listeners};
use crate::settings::{Serving, Settings};
use crate::signals::Signals;
use crate::states;

mod addresses;
mod clock;
mod keys;
mod operator;
mod outside;
mod preparing;
mod watched;

/// Lists and timelines may trail the orders by so much, which costs a fraction: records are gathered for so long, and commits are
/// at least so far apart.
const VIEWS_LAG: Duration = Duration::from_millis(50);
/// Interval at which the metrics are put into shape, and readiness is shown.
const METRICS_UPKEEP_INTERVAL: Duration = Duration::from_secs(5);

/// `sluice up`: every topology and the edge.
pub(crate) fn up(settings: &Settings, serving: &Serving) -> anyhow::Result<ExitCode> {
    let is_wanted = |topology: &str| topology != webhooks::NAME || serving.webhooks_file.is_some();
    serve(settings, serving, is_wanted, true)
}

/// `sluice edge`: no topology and the edge.
pub(crate) fn edge(settings: &Settings, serving: &Serving) -> anyhow::Result<ExitCode> {
    if settings.kafka.is_none() {
        let reason = "`sluice edge` needs --kafka: the embedded log serves one process, use `sluice up`";
        return Err(Refusal::refused(reason));
    }
    serve(settings, serving, |_| false, true)
}

/// Runs the topologies that `runs_here` chooses, and the edge if `with_edge`, until a signal or a failure.
pub(crate) fn serve(
    settings: &Settings,
    serving: &Serving,
    runs_here: impl Fn(&str) -> bool,
    with_edge: bool,
) -> anyhow::Result<ExitCode> {
    refuse_plaintext_listeners(settings, serving, with_edge)?;
    let transport = Transport::load(settings)?;
    let endpoints = outside::endpoints(serving, &runs_here)?;
    let runtime = tokio::runtime::Runtime::new().context("cannot start the asynchronous runtime")?;
    let began = Instant::now();
    // Bound first: a taken port is the most common mistake and should not cost a restore.
    let admin_listener = runtime.block_on(bind(serving.admin_listen, "--admin-listen"))?;
    let listener = with_edge
        .then(|| runtime.block_on(bind(serving.listen, "--listen")))
        .transpose()?;
    let addresses = Addresses::of(listener.as_ref(), &admin_listener)?.spoken(serving, &transport);
    let listening = listener
        .map(|listener| protection::api(listener, serving))
        .transpose()?;
    let admin_listening = transport.admin(admin_listener)?;
    let recorded = observability::install()?;
    let metrics = observability::render(recorded.clone());
    let entered = runtime.enter();
    let entrance = Entrance::open(listening, admin_listening, Arc::clone(&metrics));
    let shutdown = shutdown(Signals::listen()?);
    let Some(prepared) = prepare(settings, &runs_here, &entrance, &shutdown)? else {
        return Ok(ExitCode::from(exit::SUCCESS));
    };
    let (traces, exporter) = export(serving, &transport, &runtime)?.unzip();
    let workers = outside::workers(serving, endpoints, &prepared.schemas, &runs_here);
    let mut server = Server::start(settings, serving, &runs_here, (prepared, transport), (traces, workers))?;
    let sampler = Sampler::start(server.sources(settings, serving))?;
    runtime.spawn(upkeep(recorded));
    let ended = runtime.block_on(server.run(settings, serving, (entrance, shutdown), metrics, &addresses, began));
    drop(sampler);
    if let Some(outside) = server.outside.take() {
        runtime.block_on(outside.finish());
    }
    let stopped = server.stop();
    if let Some(exporter) = exporter {
        exporter.finish();
    }
    drop(entered);
    runtime.shutdown_timeout(Duration::from_secs(1));
    ended?;
    if stopped {
        Ok(ExitCode::from(exit::SUCCESS))
    } else {
        anyhow::bail!("a stream thread did not stop in time")
    }
}

/// The way to the collector, where there is one.
fn export(
    serving: &Serving,
    transport: &Transport,
    on: &tokio::runtime::Runtime,
) -> anyhow::Result<Option<(Arc<Traces>, Exporter)>> {
    let started = serving
        .otlp_endpoint
        .as_ref()
        // As a variable that is set to nothing gives it.
        .filter(|endpoint| !endpoint.is_empty())
        .map(|endpoint| {
            let (tls, on) = (transport.services(), on.handle().clone());
            Exporter::start((endpoint, tls), serving.trace_ratio, &serving.instance_id, on)
        });
    started.transpose().context("--otlp-endpoint")
}

/// Empties the histograms' buffers, which would grow while nobody scrapes.
async fn upkeep(recorded: PrometheusHandle) {
    loop {
        tokio::time::sleep(METRICS_UPKEEP_INTERVAL).await;
        recorded.run_upkeep();
    }
}

/// Shows what `/readyz` would say. Never resolves.
async fn watch_readiness(state: EdgeState) {
    loop {
        let readiness = state.is_ready().await;
        observability::ready_is(readiness.all());
        edge_api::metrics::session_store_is(readiness.sessions);
        tokio::time::sleep(METRICS_UPKEEP_INTERVAL).await;
    }
}

async fn bind(address: SocketAddr, flag: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address}; choose another {flag}"))
}

/// Everything that runs in this process.
struct Server {
    platform: Arc<dyn Platform>,
    schemas: Arc<SchemaTable>,
    hosting: Arc<Hosting>,
    transport: Transport,
    memory: StoreMemory,
    traces: Option<Arc<Traces>>,
    /// Only where there is a worker.
    outside: Option<Outside>,
    applications: Vec<StreamApplication>,
}

impl Server {
    fn start(
        settings: &Settings,
        serving: &Serving,
        runs_here: &impl Fn(&str) -> bool,
        (prepared, transport): (Prepared, Transport),
        (traces, workers): (Option<Arc<Traces>>, Vec<Arc<dyn Worker>>),
    ) -> anyhow::Result<Self> {
        let Prepared {
            platform,
            registry,
            schemas,
            placed,
        } = prepared;
        let hosting = platform::hosting(&placed);
        let outside = outside::start(platform.as_ref(), workers)?;
        let mut server = Self {
            platform,
            schemas,
            hosting,
            transport,
            memory: StoreMemory::new(StoreBudget::default())?,
            traces,
            outside,
            applications: Vec::new(),
        };
        for (topology, layout) in placed.into_iter().filter(|(topology, _)| runs_here(topology.name())) {
            server.start_topology(settings, serving, &registry, topology, layout)?;
        }
        Ok(server)
    }

    fn start_topology(
        &mut self,
        settings: &Settings,
        serving: &Serving,
        registry: &Arc<dyn SchemaRegistry>,
        topology: Arc<Topology>,
        layout: Arc<Layout>,
    ) -> anyhow::Result<()> {
        let states = states::claim(settings, self.platform.as_ref(), &layout, &self.memory)?;
        let limits = limits(topology.name(), settings, serving);
        let watching = observer(topology.name(), &self.schemas, self.traces.as_ref());
        let calling = self.outside.as_ref().map(Outside::observer);
        let observer = together(watching.into_iter().chain(calling).collect());
        let context = ThreadContext {
            topology,
            layout,
            hosting: Arc::clone(&self.hosting),
            states: Arc::new(states),
            make_reader: Arc::new(|| Err(streams::LogError::Fatal("the platform sets the reader".to_owned()))),
            schemas: Arc::new(TableResolver::new(Arc::clone(registry), Arc::clone(&self.schemas))),
            limits,
            machine: Arc::new(OsMachine),
            observer,
        };
        self.applications.push(self.platform.start(context, serving)?);
        Ok(())
    }

    async fn run(
        &self,
        settings: &Settings,
        serving: &Serving,
        (entrance, mut shutdown): (Entrance, watch::Receiver<bool>),
        metrics: Render,
        addresses: &Addresses,
        began: Instant,
    ) -> anyhow::Result<()> {
        let queries = self.queries()?;
        let revocations = Arc::new(Revocations::new(&self.schemas, Arc::new(SystemClock)));
        let _following = if addresses.api.is_some() {
            Some(self.follow(&revocations)?)
        } else {
            // Without an edge nobody shows a token here.
            revocations.caught_up();
            None
        };
        let state = self.edge(settings, serving, queries.clone(), Arc::clone(&revocations), metrics)?;
        if addresses.api.is_some() {
            edge_api::metrics::show_from_zero();
        }
        let watching = watch_readiness(state.clone());
        let is_ready = || queries.ready() && revocations.is_complete();
        let announcing = async {
            announce(is_ready, addresses, began).await;
            std::future::pending::<()>().await;
        };
        tokio::select! {
            ended = entrance.serve(state, async move { drop(shutdown.wait_for(|asked| *asked).await) }) => ended.context("the server failed"),
            reason = self.failed() => Err(anyhow::anyhow!(reason)),
            () = announcing => Ok(()),
            () = watching => Ok(()),
            back = clock::set_back(), if settings.kafka.is_some() => clock::end(back),
        }
    }

    fn sources(&self, settings: &Settings, serving: &Serving) -> Sources {
        Sources {
            platform: Arc::clone(&self.platform),
            hosting: Arc::clone(&self.hosting),
            memory: self.memory.clone(),
            state_dir: settings.state_dir(),
            certificates: protection::certificates(settings, serving),
        }
    }

    fn queries(&self) -> anyhow::Result<Queries> {
        let owners = self.platform.owners()?;
        let remote = owners.map(|owners| RemoteQueries::new(owners, self.transport.instances()));
        let remote = remote.transpose()?;
        Ok(Queries::new(Arc::clone(&self.hosting), remote))
    }

    fn follow(&self, revocations: &Arc<Revocations>) -> anyhow::Result<GlobalStreamThread> {
        let machine: Arc<dyn Machine> = Arc::new(OsMachine);
        let topic = page::REVOCATIONS.name;
        let consumer = self.platform.global_consumer(topic);
        GlobalStreamThread::start(topic, &machine, consumer, Arc::clone(revocations) as _)
            .context("cannot start a thread")
    }

    fn edge(
        &self,
        settings: &Settings,
        serving: &Serving,
        queries: Queries,
        revocations: Arc<Revocations>,
        metrics: Render,
    ) -> anyhow::Result<EdgeState> {
        let sessions = self.sessions(settings)?;
        let mut admin_routes = runtime::queries::http::router(&queries);
        if !serving.no_console {
            admin_routes = admin_routes.merge(operator::router(
                &self.platform,
                &queries,
                settings,
                (serving, self.transport.instances()),
            )?);
        }
        let parts = EdgeParts {
            log: self.platform.commands()?,
            views: Arc::new(WatchedViews {
                queries,
                platform: Arc::clone(&self.platform),
            }),
            sessions,
            revocations,
            serdes: CommandSerdes::avro(&self.schemas),
            keys: signing_keys(settings, serving)?,
            sealing: sealing_keys(settings, serving)?,
            sellers_need_second_factor: serving.seller_second_factor,
            takes_cards: serving.payment_provider.is_some(),
            breached_passwords: breached_passwords(serving)?,
            shop_words: serving.shop_words.clone(),
            clock: Arc::new(SystemClock),
            entropy: Arc::new(SystemEntropy),
            metrics,
            spans: self.traces.clone().map(|traces| traces as _),
            allowed_origins: serving.allowed_origins.clone(),
            quota: serving.quota,
            proxies: serving.proxies,
            console: !serving.no_console,
            admin_routes,
        };
        Ok(EdgeState::new(parts)?)
    }

    fn sessions(&self, settings: &Settings) -> anyhow::Result<Arc<dyn SessionStore>> {
        let times = SessionTimes::default();
        let Some(url) = &settings.redis else {
            return Ok(Arc::new(MemorySessions::new(times)));
        };
        let password = settings.redis_password()?;
        let access = RedisAccess {
            url,
            password: password.as_deref(),
            tls: self.transport.services(),
        };
        let sessions = RedisSessions::connect(&access, &settings.application_id, times).context("--redis")?;
        Ok(Arc::new(sessions))
    }

    /// Resolves to a sentence when a topology has failed for good.
    async fn failed(&self) -> String {
        let failures: Vec<_> = self
            .applications
            .iter()
            .map(|application| Box::pin(failure(application)))
            .collect();
        first(failures).await
    }

    fn stop(self) -> bool {
        self.applications.iter().for_each(StreamApplication::request_stop);
        // All stop at the same time, so whoever asked waits no longer for five than for one.
        let deadline = Instant::now() + SHUTDOWN_WAIT_MAX;
        let mut ended = true;
        for application in self.applications {
            ended &= application.stop_by(deadline);
        }
        ended
    }
}

/// Orders wait for every topology but the views and the webhooks.
fn limits(topology: &str, settings: &Settings, serving: &Serving) -> ThreadLimits {
    let usual = match settings.kafka {
        Some(_) => ThreadLimits::default().commit_spacing,
        None => Duration::ZERO,
    };
    let spacing = serving.commit_spacing_ms.map_or(usual, Duration::from_millis);
    let may_lag = [views::NAME, webhooks::NAME].contains(&topology);
    ThreadLimits {
        commit_interval: Duration::from_millis(serving.commit_interval_ms),
        commit_spacing: if may_lag { spacing.max(VIEWS_LAG) } else { spacing },
        fetch_linger: if may_lag { VIEWS_LAG } else { Duration::ZERO },
        niceness: serving.stream_niceness,
        ..ThreadLimits::default()
    }
}

async fn failure(application: &StreamApplication) -> String {
    let reason = application.failed().await;
    format!("topology {}: {reason}", application.topology())
}

/// The first of several futures to resolve; never, when there is none.
async fn first<T>(mut futures: Vec<std::pin::Pin<Box<impl Future<Output = T>>>>) -> T {
    std::future::poll_fn(move |context| {
        let ready = futures
            .iter_mut()
            .find_map(|future| match future.as_mut().poll(context) {
                std::task::Poll::Ready(value) => Some(value),
                std::task::Poll::Pending => None,
            });
        ready.map_or(std::task::Poll::Pending, std::task::Poll::Ready)
    })
    .await
}

/// Becomes true at the first signal, and stays so.
fn shutdown(mut signals: Signals) -> watch::Receiver<bool> {
    let (asked, shutdown) = watch::channel(false);
    tokio::spawn(async move {
        signals.next().await;
        tracing::info!("stopping: accepted requests finish, stream threads commit and leave");
        asked.send_replace(true);
        // Whoever waits for the end of the channel would take it for a signal.
        std::future::pending::<()>().await;
    });
    shutdown
}
