//! The oracle of exchanges: which token came from which, as Redis has answered.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use edge_api::limits::ROTATION_GRACE_MS;
use edge_api::sessions::{Exchange, Exchanged, Handle};

use crate::sometimes::Moment;

/// After its successor was used, a token may come back for so long: the grace, the clocks of two gateways apart, and a request that
/// is held up.
const FORGIVEN: Duration = Duration::from_millis(ROTATION_GRACE_MS.unsigned_abs() + 15_000);

/// All sessions' tokens.
#[derive(Default)]
pub(super) struct Lineages {
    sessions: BTreeMap<String, Lineage>,
    found: Vec<(String, String)>,
}

#[derive(Default)]
struct Lineage {
    /// What a token became.
    successors: BTreeMap<Token, String>,
    /// Tokens that were handed in.
    spent: BTreeSet<String>,
    /// When a token was first known to be used.
    used: BTreeMap<String, Duration>,
    /// The newest generation that was handed in.
    generation: u32,
    is_over: bool,
}

/// An access token by its id, or a refresh token by its generation.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Token {
    Access(String),
    Refresh(u32),
}

impl Lineages {
    /// Takes in an answer. A token whose successor was itself handed in is one that two parties hold; a session that has ended has
    /// ended.
    pub(super) fn exchanged(&mut self, exchange: &Exchange, answer: &Exchanged, at: Duration) -> Option<Moment> {
        let lineage = self.sessions.entry(exchange.session_id.clone()).or_default();
        let Exchanged::Current { token_id, .. } = answer else {
            lineage.is_over = true;
            return (*answer == Exchanged::Reused).then_some(Moment::TokenReused);
        };
        let (wrong, is_repeated) = lineage.advance(&exchange.handle, token_id, at);
        let about = |wrong| (exchange.session_id.clone(), wrong);
        self.found.extend(wrong.into_iter().map(about));
        is_repeated.then_some(Moment::SuccessorRepeated)
    }

    /// Takes in that a token has arrived at its client.
    pub(super) fn used(&mut self, session: &str, token_id: &str, at: Duration) {
        let lineage = self.sessions.entry(session.to_owned()).or_default();
        lineage.used.entry(token_id.to_owned()).or_insert(at);
    }

    /// Takes in a logout.
    pub(super) fn ended(&mut self, session: &str) {
        self.sessions.entry(session.to_owned()).or_default().is_over = true;
    }

    /// What was wrong, but for sessions of which Redis has forgotten something.
    pub(super) fn violations(&self, forgotten: impl Fn(&String) -> bool) -> Vec<String> {
        let known = self.found.iter().filter(|(session, _)| !forgotten(session));
        known
            .map(|(session, wrong)| format!("session {session}: {wrong}"))
            .collect()
    }
}

impl Lineage {
    /// What is wrong with it, and whether it was the same as before.
    fn advance(&mut self, handle: &Handle, token_id: &str, at: Duration) -> (Vec<String>, bool) {
        let mut wrong = Vec::new();
        if self.is_over {
            wrong.push("it had ended and goes on".to_owned());
        }
        let token = match handle {
            Handle::Access { token_id } => Token::Access(token_id.clone()),
            Handle::Refresh { generation, .. } => Token::Refresh(*generation),
        };
        let before = self.successors.insert(token.clone(), token_id.to_owned());
        let is_repeated = before.as_deref() == Some(token_id);
        let has_heir = before.is_some_and(|heir| self.spent.contains(&heir));
        let is_older = matches!(token, Token::Refresh(generation) if generation < self.generation);
        if has_heir || is_older {
            wrong.push(format!("{token:?} was taken after its successor had been handed in"));
        }
        if self.used.get(token_id).is_some_and(|used| at > *used + FORGIVEN) {
            wrong.push(format!("{token:?} was answered although the answer before had arrived"));
        }
        match token {
            Token::Access(token_id) => drop(self.spent.insert(token_id)),
            Token::Refresh(generation) => self.generation = self.generation.max(generation),
        }
        (wrong, is_repeated)
    }
}
