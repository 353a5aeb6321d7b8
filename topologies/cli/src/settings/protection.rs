//! Settings of what protects connections: TLS, and where there may be none.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// Whom this process believes, what it shows of itself, and which connections may be in the clear.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Protection")]
pub(crate) struct Protection {
    /// File with the authority of the deployment's own certificates (PEM; the old and the new one while it is replaced). Only
    /// whoever has a certificate of it reaches --admin-listen beyond the probes, and only such instances are asked. Give nobody
    /// a certificate of it who may not see everything there.
    #[arg(long, env = "SLUICE_INTERNAL_CA_FILE", value_name = "FILE", global = true)]
    pub(crate) internal_ca_file: Option<PathBuf>,

    /// File with this process's own certificate (PEM, behind it those up to the authority): --admin-listen shows it, and so do the
    /// clients to other instances and to services that ask for one. Listeners and HTTP clients take a renewed one within seconds,
    /// the clients of Kafka and Redis after a restart.
    #[arg(long, env = "SLUICE_INTERNAL_CERTIFICATE_FILE", value_name = "FILE", global = true)]
    pub(crate) internal_certificate_file: Option<PathBuf>,

    /// File with the private key of --internal-certificate-file (PEM).
    #[arg(long, env = "SLUICE_INTERNAL_KEY_FILE", value_name = "FILE", global = true)]
    pub(crate) internal_key_file: Option<PathBuf>,

    /// File with the authorities of Kafka, the registry, Redis and the collector (PEM), if it is not that of --internal-ca-file.
    /// Without either they are those that the machine trusts.
    #[arg(long, env = "SLUICE_SERVICE_CA_FILE", value_name = "FILE", global = true)]
    pub(crate) service_ca_file: Option<PathBuf>,

    /// Connections that may leave this machine in the clear. Without it only loopback may be without TLS.
    #[arg(
        long,
        env = "SLUICE_ALLOW_PLAINTEXT",
        value_enum,
        value_delimiter = ',',
        value_name = "CONNECTION,...",
        global = true
    )]
    pub(crate) allow_plaintext: Vec<Connection>,
}

/// A kind of connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Connection {
    /// From clients to --listen: something in front speaks TLS to them.
    Listen,
    /// To --admin-listen, from other instances and operators.
    Admin,
    /// To the brokers.
    Kafka,
    /// To the schema registry.
    Registry,
    /// To Redis.
    Redis,
    /// To the collector of traces.
    Collector,
    /// All of them.
    All,
}

impl Protection {
    /// Whether this kind of connection may be in the clear.
    pub(crate) fn allows(&self, connection: Connection) -> bool {
        let allowed = |one: &Connection| [connection, Connection::All].contains(one);
        self.allow_plaintext.iter().any(allowed)
    }
}
