//! `sluice up` and `sluice edge`, and what `sluice run` shares with them: starting, being ready, stopping.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ::schemas::registry::{SchemaRegistry, publish};
use ::schemas::{SchemaTable, topics as page};
use anyhow::Context;
use edge_api::clock::{SystemClock, SystemEntropy};
use edge_api::{CommandSerdes, EdgeParts, EdgeState, MemorySessions, RedisSessions, SessionStore, SessionTimes};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use runtime::limits::ThreadLimits;
use runtime::queries::{Hosting, Queries, RemoteQueries};
use runtime::registry::TableResolver;
use runtime::{StreamApplication, ThreadContext};
use state_stores::{StateDirectory, StoreBudget, StoreMemory};
use streams::{Layout, Topology};
use tokio::net::TcpListener;

use crate::commands::serving::keys::signing_keys;
use crate::commands::serving::watched::WatchedViews;
use crate::exit::{self, Refusal};
use crate::platform::{self, Platform, TopicPlan};
use crate::settings::{Serving, Settings};
use crate::terminal;

mod keys;
mod watched;

/// Waiting time for the schema registry at the start: a stack that was just started needs it.
const REGISTRY_WAIT_MAX: Duration = Duration::from_mins(1);
/// Wait between two attempts to reach the registry.
const REGISTRY_RETRY_WAIT: Duration = Duration::from_secs(1);
/// Interval at which the server looks whether it has become ready.
const READY_INTERVAL: Duration = Duration::from_millis(20);
/// Interval at which the metrics are put into shape; without it histograms would grow.
const METRICS_UPKEEP_INTERVAL: Duration = Duration::from_secs(5);

/// `sluice up`: every topology and the edge.
pub(crate) fn up(settings: &Settings, serving: &Serving) -> anyhow::Result<ExitCode> {
    serve(settings, serving, |_| true, true)
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
    let runtime = tokio::runtime::Runtime::new().context("cannot start the asynchronous runtime")?;
    let began = Instant::now();
    // Bound first: a taken port is the most common mistake and should not cost a restore.
    let admin_listener = runtime.block_on(bind(serving.admin_listen, "--admin-listen"))?;
    let listener = with_edge
        .then(|| runtime.block_on(bind(serving.listen, "--listen")))
        .transpose()?;
    let metrics = PrometheusBuilder::new()
        .install_recorder()
        .context("cannot install the metrics recorder")?;
    let server = Server::start(settings, serving, &runs_here, &runtime)?;
    let ended = runtime.block_on(server.run(settings, serving, listener, admin_listener, metrics, began));
    let stopped = server.stop();
    runtime.shutdown_timeout(Duration::from_secs(1));
    ended?;
    if stopped {
        Ok(ExitCode::from(exit::SUCCESS))
    } else {
        anyhow::bail!("a stream thread did not stop in time")
    }
}

async fn bind(address: std::net::SocketAddr, flag: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address}; choose another {flag}"))
}

/// Everything that runs in this process.
struct Server {
    platform: Arc<dyn Platform>,
    schemas: Arc<SchemaTable>,
    hosting: Arc<Hosting>,
    applications: Vec<StreamApplication>,
}

impl Server {
    fn start(
        settings: &Settings,
        serving: &Serving,
        runs_here: &impl Fn(&str) -> bool,
        runtime: &tokio::runtime::Runtime,
    ) -> anyhow::Result<Self> {
        let _entered = runtime.enter();
        let platform = platform::open(settings)?;
        tracing::info!(log = platform.describe(), "using");
        let registry = platform.registry()?;
        create(platform.as_ref(), platform::external())?;
        let schemas = Arc::new(SchemaTable::new());
        register(registry.as_ref(), &schemas)?;
        let topologies = commerce::topologies::all(&schemas)?.into_iter().map(Arc::new);
        let placed: Vec<(Arc<Topology>, Arc<Layout>)> = topologies
            .map(|topology| {
                Ok((
                    Arc::clone(&topology),
                    platform::place(platform.as_ref(), settings, &topology)?,
                ))
            })
            .collect::<anyhow::Result<_>>()?;
        let hosting = platform::hosting(&placed);
        let mut server = Self {
            platform,
            schemas,
            hosting,
            applications: Vec::new(),
        };
        let memory = StoreMemory::new(StoreBudget::default())?;
        for (topology, layout) in placed.into_iter().filter(|(topology, _)| runs_here(topology.name())) {
            server.start_topology(settings, serving, &memory, &registry, topology, layout)?;
        }
        Ok(server)
    }

    fn start_topology(
        &mut self,
        settings: &Settings,
        serving: &Serving,
        memory: &StoreMemory,
        registry: &Arc<dyn SchemaRegistry>,
        topology: Arc<Topology>,
        layout: Arc<Layout>,
    ) -> anyhow::Result<()> {
        create(self.platform.as_ref(), platform::internal(&layout))?;
        let states = StateDirectory::new(
            &settings.state_dir().join("state"),
            &layout.application_id,
            memory.clone(),
        )?;
        let context = ThreadContext {
            topology,
            layout,
            hosting: Arc::clone(&self.hosting),
            states: Arc::new(states),
            make_reader: Arc::new(|| Err(streams::LogError::Fatal("the platform sets the reader".to_owned()))),
            schemas: Arc::new(TableResolver::new(Arc::clone(registry), Arc::clone(&self.schemas))),
            limits: ThreadLimits {
                commit_interval: Duration::from_millis(serving.commit_interval_ms),
                ..ThreadLimits::default()
            },
        };
        self.applications.push(self.platform.start(context, serving)?);
        Ok(())
    }

    async fn run(
        &self,
        settings: &Settings,
        serving: &Serving,
        listener: Option<TcpListener>,
        admin_listener: TcpListener,
        metrics: PrometheusHandle,
        began: Instant,
    ) -> anyhow::Result<()> {
        let upkeep = metrics.clone();
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(METRICS_UPKEEP_INTERVAL).await;
                upkeep.run_upkeep();
            }
        });
        let queries = self.queries()?;
        let state = self.edge(settings, serving, queries.clone(), metrics)?;
        let address = listener.as_ref().map(TcpListener::local_addr).transpose()?;
        let admin = admin_listener.local_addr()?;
        let serving_requests = async {
            if let Some(listener) = listener {
                edge_api::serve(listener, admin_listener, state, until_signal()).await
            } else {
                let app = edge_api::admin(state);
                axum::serve(admin_listener, app)
                    .with_graceful_shutdown(until_signal())
                    .await
            }
        };
        let announcing = async {
            announce(&queries, address, admin, began).await;
            std::future::pending::<()>().await;
        };
        tokio::select! {
            ended = serving_requests => ended.context("the server failed"),
            reason = self.failed() => Err(anyhow::anyhow!(reason)),
            () = announcing => Ok(()),
        }
    }

    fn queries(&self) -> anyhow::Result<Queries> {
        let remote = self.platform.owners()?.map(RemoteQueries::new).transpose()?;
        Ok(Queries::new(Arc::clone(&self.hosting), remote))
    }

    fn edge(
        &self,
        settings: &Settings,
        serving: &Serving,
        queries: Queries,
        metrics: PrometheusHandle,
    ) -> anyhow::Result<EdgeState> {
        let times = SessionTimes::default();
        let sessions: Arc<dyn SessionStore> = match &settings.redis {
            Some(url) => Arc::new(RedisSessions::connect(url, &settings.application_id, times).context("--redis")?),
            None => Arc::new(MemorySessions::new(times)),
        };
        let admin_routes = runtime::queries::http::router(&queries);
        let parts = EdgeParts {
            log: self.platform.commands()?,
            views: Arc::new(WatchedViews {
                queries,
                platform: Arc::clone(&self.platform),
            }),
            sessions,
            serdes: CommandSerdes::avro(&self.schemas),
            keys: signing_keys(settings, serving)?,
            clock: Arc::new(SystemClock),
            entropy: Arc::new(SystemEntropy),
            metrics: Arc::new(move || metrics.render()),
            allowed_origins: Vec::new(),
            admin_routes,
        };
        Ok(EdgeState::new(parts)?)
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
        let mut ended = true;
        for application in self.applications {
            ended &= application.stop();
        }
        ended
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

/// Creates what is missing; a topic that exists in another shape is refused with what to do.
fn create(platform: &dyn Platform, wanted: Vec<platform::WantedTopic>) -> anyhow::Result<()> {
    let mut missing = Vec::new();
    for step in platform::plan(wanted, &platform.topics()?) {
        match step {
            TopicPlan::Keep { .. } => {}
            TopicPlan::Create { topic } => missing.push(topic),
            TopicPlan::Differs { topic, found } => {
                let name = topic.name;
                let reason = format!(
                    "the topic {name} has {found}; see `sluice topics plan`, or choose another --application-id"
                );
                return Err(Refusal::refused(reason));
            }
        }
    }
    platform.create_topics(&missing)
}

/// Registers every schema, waiting for a registry that is still starting.
fn register(registry: &dyn SchemaRegistry, table: &SchemaTable) -> anyhow::Result<()> {
    let deadline = Instant::now() + REGISTRY_WAIT_MAX;
    loop {
        match publish(registry, page::topics(), table) {
            Ok(()) => return Ok(()),
            Err(error) if error.is_retriable() && Instant::now() < deadline => {
                tracing::warn!(%error, "waiting for the schema registry");
                std::thread::sleep(REGISTRY_RETRY_WAIT);
            }
            Err(error) if error.is_retriable() => return Err(Refusal::unavailable(error.to_string())),
            Err(error) => return Err(Refusal::refused(format!("{error}; see `sluice schemas check`"))),
        }
    }
}

/// Says once that everything is ready, and where.
async fn announce(
    queries: &Queries,
    address: Option<std::net::SocketAddr>,
    admin: std::net::SocketAddr,
    began: Instant,
) {
    while !queries.ready() {
        tokio::time::sleep(READY_INTERVAL).await;
    }
    let seconds = began.elapsed().as_secs_f32();
    let api = address.map_or_else(String::new, |address| format!("API http://{address}  "));
    // Standard output may be closed; being ready does not depend on it.
    drop(terminal::line(format!(
        "ready in {seconds:.1} s: {api}admin http://{admin}"
    )));
}

/// Resolves at SIGINT or SIGTERM.
async fn until_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let (interrupt, terminate) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()));
    let (Ok(mut interrupt), Ok(mut terminate)) = (interrupt, terminate) else {
        tracing::error!("cannot listen to signals; stop this process with SIGKILL, nothing is lost by it");
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    tracing::info!("stopping: accepted requests finish, stream threads commit and leave");
}
