//! One serving `sluice` process on the stack.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use reqwest::blocking::Client;
use reqwest::{Certificate, Identity};
use serde_json::{Value, json};

use crate::caller::{Answer, Caller};
use crate::certificates::Issued;
use crate::process::{Sluice, wait_until};
use crate::stack::{Stack, free_port};

/// Time to become ready: the first start creates topics, every start restores, on a machine that may be busy.
const READY_WAIT: Duration = Duration::from_secs(180);
/// Time for one answer; longer than any wait of the server's own.
const ANSWER_WAIT: Duration = Duration::from_secs(60);
const PASSWORD: &str = "seven-lamps-light-the-hall";

/// A process with its listeners, its log and its state directory below the stack's.
pub struct Server {
    /// The process.
    pub sluice: Sluice,
    state: PathBuf,
    api: String,
    admin: String,
    /// What is spoken on both.
    scheme: &'static str,
    http: Client,
}

impl Server {
    /// `sluice COMMAND...` with a name of its own; it is not started yet.
    pub fn new(stack: &Stack, name: &str, command: &[&str]) -> anyhow::Result<Self> {
        Self::with(stack, name, command, &[])
    }

    /// The same, with variables that replace or add to the usual ones.
    pub fn with(stack: &Stack, name: &str, command: &[&str], own: &[(&str, String)]) -> anyhow::Result<Self> {
        Self::below(stack.directory(), stack.environment(), name, command, own)
    }

    /// `sluice up` on the embedded log, with everything below `directory`; it is not started yet.
    pub fn alone(directory: &Path, name: &str) -> anyhow::Result<Self> {
        Self::alone_with(directory, name, &[])
    }

    /// The same, with variables that replace or add to the usual ones.
    pub fn alone_with(directory: &Path, name: &str, own: &[(&str, String)]) -> anyhow::Result<Self> {
        Self::below(directory, Vec::new(), name, &["up"], own)
    }

    fn below(
        directory: &Path,
        mut environment: Vec<(String, String)>,
        name: &str,
        command: &[&str],
        own: &[(&str, String)],
    ) -> anyhow::Result<Self> {
        let (api, admin) = (address()?, address()?);
        let state = directory.join(format!("state-{name}"));
        environment.extend(
            [
                ("SLUICE_STATE_DIR", state.display().to_string()),
                ("SLUICE_LISTEN", api.clone()),
                ("SLUICE_ADMIN_LISTEN", admin.clone()),
                ("SLUICE_INSTANCE_ID", name.to_owned()),
                ("SLUICE_PAYMENT_PROVIDER", "sandbox".to_owned()),
            ]
            .map(|(name, value)| (name.to_owned(), value)),
        );
        environment.extend(own.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
        let log = directory.join(format!("{name}.log"));
        Ok(Self {
            sluice: Sluice::new(command, environment, log),
            state,
            api,
            admin,
            scheme: "http",
            http: Client::builder().timeout(ANSWER_WAIT).no_proxy().build()?,
        })
    }

    /// The same process as one that speaks TLS on both listeners; this authority counts, and whoever asks shows this certificate.
    pub fn over_tls(mut self, authority: &Path, shown: &Issued) -> anyhow::Result<Self> {
        let read = |path: &Path| std::fs::read(path).with_context(|| path.display().to_string());
        let identity = [read(&shown.certificate)?, read(&shown.key)?].concat();
        self.http = Client::builder()
            .timeout(ANSWER_WAIT)
            .no_proxy()
            .tls_certs_only([Certificate::from_pem(&read(authority)?)?])
            .identity(Identity::from_pem(&identity)?)
            .build()?;
        self.scheme = "https";
        Ok(self)
    }

    /// Starts it and waits until it is ready.
    pub fn start(&mut self) -> anyhow::Result<()> {
        self.sluice.start()?;
        self.wait_until_ready()
    }

    /// Waits until it says that it is ready.
    pub fn wait_until_ready(&self) -> anyhow::Result<()> {
        self.wait_until_readiness_is(true).map(drop)
    }

    /// Waits until it says that it is ready, or that it is not, and answers what it says.
    pub fn wait_until_readiness_is(&self, ready: bool) -> anyhow::Result<Value> {
        let what = format!("ready: {ready}");
        wait_until(&what, READY_WAIT, || {
            self.readiness()
                .ok()
                .filter(|answer| answer.get("ready") == Some(&json!(ready)))
        })
        .with_context(|| self.log_tail())
    }

    /// What it says of its readiness.
    pub fn readiness(&self) -> anyhow::Result<Value> {
        Ok(self.ask_admin("/readyz")?.body)
    }

    /// The answer of its admin listener.
    pub fn ask_admin(&self, path: &str) -> anyhow::Result<Answer> {
        Answer::to(self.http.get(format!("{}{path}", self.admin_url())))
    }

    /// The base URL of its API.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.api)
    }

    /// Where its admin listener is.
    #[must_use]
    pub fn admin_address(&self) -> String {
        self.admin.clone()
    }

    /// The base URL of its operators' side.
    #[must_use]
    pub fn admin_url(&self) -> String {
        format!("{}://{}", self.scheme, self.admin)
    }

    /// Its state directory.
    #[must_use]
    pub fn state(&self) -> &Path {
        &self.state
    }

    /// The end of what it has printed.
    #[must_use]
    pub fn log_tail(&self) -> String {
        self.sluice.output_tail()
    }

    /// Registers an account and logs in.
    pub fn account(&self, name: &str, role: &str) -> anyhow::Result<Caller> {
        let body = json!({ "email": email(name), "password": PASSWORD, "name": name, "role": role });
        let answer = self.guest().post("/auth/register", None, &body)?;
        anyhow::ensure!(answer.status == 201, "{answer:?}");
        self.log_in(name)
    }

    /// Logs an account in.
    pub fn log_in(&self, name: &str) -> anyhow::Result<Caller> {
        let answer = self.try_log_in(name)?;
        let token = self.guest().text(&answer, "access_token")?;
        Ok(Caller {
            token: Some(token),
            ..self.guest()
        })
    }

    /// The answer to an attempt to log in.
    pub fn try_log_in(&self, name: &str) -> anyhow::Result<Answer> {
        let body = json!({ "email": email(name), "password": PASSWORD });
        self.guest().post("/auth/login", None, &body)
    }

    fn guest(&self) -> Caller {
        Caller {
            http: self.http.clone(),
            url: self.url(),
            token: None,
        }
    }
}

fn address() -> anyhow::Result<String> {
    Ok(format!("127.0.0.1:{}", free_port()?))
}

fn email(name: &str) -> String {
    format!("{name}@example.com")
}
