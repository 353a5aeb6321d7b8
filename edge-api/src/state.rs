//! What every handler shares.

use std::sync::Arc;
use std::thread::available_parallelism;

use axum::Router;
use commerce::views::OrderView;
use planted::Bug;
use runtime::commands::CommandLog;
use runtime::queries::Freshness;
use runtime::span::SpanSink;
use schemas::wire::account::{AccountCommand, AccountCommandPayload};
use schemas::wire::envelope::{Actor, Envelope};
use schemas::wire::revocation::{Revocation, RevocationReason};
use tokio::sync::{Semaphore, watch};

use crate::auth::access::Operation;
use crate::auth::passwords::{BreachedPasswords, PasswordError, Passwords};
use crate::auth::revocations::{Held, Revocations};
use crate::auth::tokens::{AccessGrant, Forged, Presented, TokenVerifier};
use crate::auth::uses::TokenUses;
use crate::auth::{Caller, Role, SealingKeys, TokenKeys};
use crate::clock::{Clock, Entropy, random_id};
use crate::commands::{self, Accepted, Command, CommandSerdes, Receipt};
use crate::http::quota::Quotas;
use crate::idempotency::RecentRequests;
use crate::limits::{LONG_POLLS_MAX, REVOCATIONS_SWEPT, STREAMS_MAX};
use crate::problem::{Code, Problem};
use crate::reading::{Reader, Repeats};
use crate::security;
use crate::sessions::{Exchange, Exchanged, OpenSession, SessionOwner, SessionStore, SessionsUnavailable};
use crate::views::Views;

/// Renders the metrics of the process in Prometheus' text format.
pub type RenderMetrics = Arc<dyn Fn() -> String + Send + Sync>;

/// The parts of a gateway.
pub struct EdgeParts {
    /// Where commands go.
    pub log: Arc<dyn CommandLog>,
    /// Where state is read.
    pub views: Arc<dyn Views>,
    /// Where sessions are kept.
    pub sessions: Arc<dyn SessionStore>,
    /// Which sessions are over. Somebody has to fill it from its topic.
    pub revocations: Arc<Revocations>,
    /// How commands become bytes.
    pub serdes: CommandSerdes,
    /// The keys of the tokens; the same in every gateway of a deployment.
    pub keys: TokenKeys,
    /// The keys that seal the secrets of second factors; the same in every gateway of a deployment.
    pub sealing: SealingKeys,
    /// Whether a seller has to have a second factor.
    pub sellers_need_second_factor: bool,
    /// Whether orders may be paid by card: somebody talks to a payment provider.
    pub takes_cards: bool,
    /// Passwords that became known in a breach, and that nobody may choose; none beside the common ones without it.
    pub breached_passwords: Option<Arc<BreachedPasswords>>,
    /// Words of this deployment that no password may be made of, such as its company's name.
    pub shop_words: Vec<String>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Makes ids and secrets unguessable.
    pub entropy: Arc<dyn Entropy>,
    /// Renders `/metrics`.
    pub metrics: RenderMetrics,
    /// Where spans of requests go; nowhere where no trace is followed.
    pub spans: Option<Arc<dyn SpanSink>>,
    /// Web origins that may call the API from a browser, such as `https://shop.example`; none by default.
    pub allowed_origins: Vec<String>,
    /// Requests that a caller may make within [`QUOTA_WINDOW_MS`](crate::limits::QUOTA_WINDOW_MS).
    pub quota: u32,
    /// Proxies in front of the gateway, each of which appends to `X-Forwarded-For`.
    pub proxies: u8,
    /// Whether the console is served beside the API.
    pub console: bool,
    /// Further routes of the admin listener, such as the runtime's query endpoint.
    pub admin_routes: Router,
}

/// The state of a gateway; clones share it.
#[derive(Clone)]
pub struct EdgeState(Arc<Shared>);

struct Shared {
    parts: EdgeParts,
    passwords: Passwords,
    tokens: TokenVerifier,
    uses: TokenUses,
    recent: RecentRequests,
    repeats: Repeats,
    accepted: Accepted,
    quotas: Quotas,
    long_polls: Arc<Semaphore>,
    streams: Arc<Semaphore>,
    draining: watch::Sender<bool>,
}

impl EdgeState {
    /// Puts a gateway together. Half of the cores, at least one, may hash passwords at the same time.
    pub fn new(parts: EdgeParts) -> Result<Self, PasswordError> {
        let cores = available_parallelism().map_or(1, std::num::NonZero::get);
        Ok(Self(Arc::new(Shared {
            passwords: Passwords::new(cores / 2, parts.breached_passwords.clone())?,
            tokens: TokenVerifier::default(),
            uses: TokenUses::new(Arc::clone(&parts.sessions)),
            recent: RecentRequests::default(),
            repeats: Repeats::new(Arc::clone(&parts.views)),
            accepted: Accepted::default(),
            quotas: Quotas::new(parts.quota),
            long_polls: Arc::new(Semaphore::new(LONG_POLLS_MAX)),
            streams: Arc::new(Semaphore::new(STREAMS_MAX)),
            draining: watch::Sender::new(false),
            parts,
        })))
    }

    /// Milliseconds since the epoch.
    #[must_use]
    pub fn now_ms(&self) -> i64 {
        self.0.parts.clock.now_ms()
    }

    /// Whether this gateway can do its work: its state is readable, its session store answers, and it is not
    /// shutting down.
    pub async fn is_ready(&self) -> Readiness {
        let mut obstacles = self.0.parts.views.obstacles();
        if !self.revocations().is_complete() {
            obstacles.push("which sessions are over is still being read".to_owned());
        }
        Readiness {
            obstacles,
            sessions: self.0.parts.sessions.is_ready().await,
            accepting: !*self.0.draining.borrow(),
        }
    }

    /// Whether the console is served beside the API.
    pub(crate) fn has_console(&self) -> bool {
        self.0.parts.console
    }

    /// From now on the gateway is not ready, so that nobody sends it new requests.
    pub fn drain(&self) {
        self.0.draining.send_replace(true);
    }

    /// Resolves when the gateway stops: what lasts as long as it is allowed to ends then.
    pub(crate) async fn drained(&self) {
        // An error means that the sender is gone, which is the end as well.
        drop(self.0.draining.subscribe().wait_for(|draining| *draining).await);
    }

    /// Appends a command to the log, and remembers where it stands.
    pub(crate) async fn append<C: Command>(&self, key: &str, command: &C) -> Result<Receipt, Problem> {
        let receipt = commands::append(self.log(), &self.0.parts.serdes, key, command).await?;
        self.0.accepted.note(key, &receipt);
        Ok(receipt)
    }

    /// Reads state.
    pub(crate) fn reader(&self) -> Reader<'_> {
        Reader::new(self.0.parts.views.as_ref(), self.log(), &self.0.accepted)
    }

    /// A gateway that does not know yet what is over lets nothing through.
    pub(crate) fn may_judge_tokens(&self) -> Result<(), Problem> {
        if self.revocations().is_complete() {
            return Ok(());
        }
        Err(Problem::new(
            Code::Unavailable,
            "This gateway still reads which sessions are over. Try again.",
        ))
    }

    /// Checks an access token against the keys of this deployment.
    pub(crate) fn verify_token(&self, token: &str) -> Result<Presented, Forged> {
        self.0.tokens.verify(token, self.keys(), self.now_ms())
    }

    /// Exchanges a token: the session decides, and the account is asked again for its role.
    pub(crate) async fn exchange(&self, exchange: Exchange) -> Result<(AccessGrant, String), Problem> {
        self.may_judge_tokens()?;
        let session_id = exchange.session_id.clone();
        let owner = self.session_owner(&session_id, exchange.now_ms).await?;
        let owner = owner.ok_or_else(session_ended)?;
        security::is_about(&owner.account_id);
        let held = Held {
            session_id: &session_id,
            account_id: &owner.account_id,
            credential_version: owner.credential_version,
        };
        if self.revocations().cover(held) {
            return Err(session_ended());
        }
        let login = self.reader().login(&owner.login_key, &Freshness::Committed).await?;
        // A view that trails knows an earlier version than the session; that says nothing against it.
        let login = login.filter(|login| {
            let is_same = login.account_id == owner.account_id && login.version <= owner.credential_version;
            login.is_active && is_same
        });
        let role = login.ok_or_else(session_ended)?.role;
        let exchanged = self.sessions().exchange(exchange).await.map_err(sessions_unavailable)?;
        let (token_id, issued_at_ms) = match exchanged {
            Exchanged::Current { token_id, issued_at_ms } => (token_id, issued_at_ms),
            Exchanged::Ended => return Err(session_ended()),
            Exchanged::Reused => return Err(self.reused(&session_id, &owner.account_id).await),
        };
        let grant = AccessGrant {
            account_id: owner.account_id,
            role,
            session_id,
            credential_version: owner.credential_version,
            has_second_factor: owner.has_second_factor,
            token_id,
            issued_at_ms,
        };
        let token = grant.sign(self.keys()).map_err(Problem::internal)?;
        Ok((grant, token))
    }

    /// Ends a session: here at once, in the log for every gateway and for good, and in the session store.
    pub(crate) async fn end_session(&self, session_id: &str, account_id: &str) -> Result<(), Problem> {
        if planted::is(Bug::LogoutForgotten) {
            return Ok(());
        }
        let revoking = self.revoke(session_id, account_id, RevocationReason::Logout);
        let (revoked, ended) = tokio::join!(revoking, self.sessions().end(session_id));
        revoked.and(ended.map_err(sessions_unavailable))
    }

    /// Whose session it is; `None` if it ended.
    pub(crate) async fn session_owner(&self, session_id: &str, now_ms: i64) -> Result<Option<SessionOwner>, Problem> {
        let owner = self.sessions().owner(session_id, now_ms).await;
        owner.map_err(sessions_unavailable)
    }

    /// Whether an open session of the account is over all the same.
    pub(crate) fn is_revoked(&self, account_id: &str, session: &OpenSession) -> bool {
        self.revocations().cover(Held {
            session_id: &session.session_id,
            account_id,
            credential_version: session.credential_version,
        })
    }

    async fn reused(&self, session_id: &str, account_id: &str) -> Problem {
        // The session store has ended it. Its access tokens are void elsewhere too once the log has it.
        let revoked = if planted::is(Bug::ReuseUnpunished) {
            Ok(())
        } else {
            self.revoke(session_id, account_id, RevocationReason::ReuseDetected)
                .await
        };
        if let Err(problem) = revoked {
            tracing::warn!(session_id, ?problem, "other gateways let its access tokens run out");
        }
        Problem::new(
            Code::TokenReused,
            "This token was used before. The session is over; log in again.",
        )
    }

    /// Records that a session is over. What has been recorded for longer than any session lives is removed on the way.
    fn revoke(
        &self,
        session_id: &str,
        account_id: &str,
        reason: RevocationReason,
    ) -> impl Future<Output = Result<(), Problem>> {
        let revocation = Revocation {
            session_id: Some(session_id.to_owned()),
            account_id: account_id.to_owned(),
            revoked_at: self.now_ms(),
            reason,
            version: None,
        };
        self.revocations().insert(&revocation);
        let session_id = session_id.to_owned();
        async move {
            commands::append(self.log(), &self.0.parts.serdes, &session_id, &revocation).await?;
            self.sweep_revocations().await;
            Ok(())
        }
    }

    /// What cannot be removed now stays until the topic is read again: it is not wrong, only superfluous.
    async fn sweep_revocations(&self) {
        for key in self.revocations().take_ended(REVOCATIONS_SWEPT) {
            if let Err(problem) = commands::remove::<Revocation>(self.log(), &key, self.now_ms()).await {
                tracing::debug!(key, ?problem, "the record of a session that is long over stays");
            }
        }
    }

    /// Whoever has to have a second factor does nothing without it but take one.
    pub(crate) fn admit_without_second_factor(&self, operation: &Operation, caller: &Caller) -> Result<(), Problem> {
        let needs_it = self.0.parts.sellers_need_second_factor && caller.role == Role::Seller;
        if !needs_it || caller.has_second_factor || operation.serves_enrolment() {
            return Ok(());
        }
        Err(Problem::new(
            Code::EnrolmentRequired,
            "Sellers need a second factor here. Begin at `POST /auth/second-factor`.",
        ))
    }

    /// A command about the actor's own account.
    pub(crate) fn account_command(
        &self,
        payload: AccountCommandPayload,
        actor: Actor,
        request_id: String,
    ) -> AccountCommand {
        let kind = match &payload {
            AccountCommandPayload::RegisterAccount(_) => "register",
            AccountCommandPayload::ChangePassword(_) => "change-password",
            AccountCommandPayload::DisableAccount(_) => "disable",
            AccountCommandPayload::EndSessions(_) => "end-sessions",
            AccountCommandPayload::EnrolSecondFactor(_) => "enrol-second-factor",
            AccountCommandPayload::SpendCode(_) => "spend-code",
            AccountCommandPayload::RemoveSecondFactor(_) => "remove-second-factor",
            AccountCommandPayload::OfferPasswordReset(_) => "offer-password-reset",
            AccountCommandPayload::ResetPassword(_) => "reset-password",
            AccountCommandPayload::ForgetSecondFactor(_) => "forget-second-factor",
            AccountCommandPayload::RenewProtection(_) => "renew-protection",
        };
        Envelope {
            id: commerce::ids::command_id(kind, &actor.account_id, &request_id).to_string(),
            seq: 0,
            at: self.now_ms(),
            actor,
            causation: request_id.clone(),
            correlation: request_id,
            payload,
        }
    }

    pub(crate) fn random_id(&self) -> Result<String, Problem> {
        random_id(self.entropy()).map_err(Problem::from)
    }

    pub(crate) fn spans(&self) -> Option<&Arc<dyn SpanSink>> {
        self.0.parts.spans.as_ref()
    }

    pub(crate) fn keys(&self) -> &TokenKeys {
        &self.0.parts.keys
    }

    pub(crate) fn sealing(&self) -> &SealingKeys {
        &self.0.parts.sealing
    }

    pub(crate) fn log(&self) -> &dyn CommandLog {
        self.0.parts.log.as_ref()
    }

    pub(crate) fn sessions(&self) -> &dyn SessionStore {
        self.0.parts.sessions.as_ref()
    }

    pub(crate) fn entropy(&self) -> &dyn Entropy {
        self.0.parts.entropy.as_ref()
    }

    pub(crate) fn passwords(&self) -> &Passwords {
        &self.0.passwords
    }

    pub(crate) fn shop_words(&self) -> &[String] {
        &self.0.parts.shop_words
    }

    pub(crate) fn revocations(&self) -> &Revocations {
        &self.0.parts.revocations
    }

    pub(crate) fn uses(&self) -> &TokenUses {
        &self.0.uses
    }

    pub(crate) fn takes_cards(&self) -> bool {
        self.0.parts.takes_cards
    }

    /// An order that came before, as far as that is known at once.
    pub(crate) async fn placed_order(&self, order_id: &str) -> Result<Option<OrderView>, Problem> {
        self.0.repeats.placed_order(order_id, self.now_ms()).await
    }

    pub(crate) fn recent(&self) -> &RecentRequests {
        &self.0.recent
    }

    pub(crate) fn long_polls(&self) -> &Arc<Semaphore> {
        &self.0.long_polls
    }

    pub(crate) fn streams(&self) -> Arc<Semaphore> {
        Arc::clone(&self.0.streams)
    }

    pub(crate) fn render_metrics(&self) -> String {
        (self.0.parts.metrics)()
    }

    pub(crate) fn admin_routes(&self) -> Router {
        self.0.parts.admin_routes.clone()
    }

    pub(crate) fn quotas(&self) -> &Quotas {
        &self.0.quotas
    }

    pub(crate) fn proxies(&self) -> u8 {
        self.0.parts.proxies
    }

    pub(crate) fn allowed_origins(&self) -> &[String] {
        &self.0.parts.allowed_origins
    }
}

/// What a gateway needs to be ready.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Readiness {
    /// Why some state that this process owns cannot be read or does not follow now; empty when all is well.
    pub obstacles: Vec<String>,
    /// The session store answers.
    pub sessions: bool,
    /// The gateway is not shutting down.
    pub accepting: bool,
}

impl Readiness {
    /// Whether all of it is there.
    #[must_use]
    pub fn all(&self) -> bool {
        self.obstacles.is_empty() && self.sessions && self.accepting
    }
}

/// The answer while the session store is away. Nothing is decided without it.
pub(crate) fn sessions_unavailable(_: SessionsUnavailable) -> Problem {
    Problem::new(
        Code::Unavailable,
        "The session store does not answer now. Try again; valid tokens go on working.",
    )
}

/// The answer to a token whose session is over.
pub(crate) fn session_ended() -> Problem {
    Problem::new(Code::SessionEnded, "The session is over. Log in again.")
}
