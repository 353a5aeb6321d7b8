//! One session, and what an exchange does to it. `exchange.lua` does the same inside Redis.

use planted::Bug;

use super::{Exchanged, Handle, NewSession, OpenSession, SessionOwner, SessionTimes};

/// What is known of a session.
#[derive(Debug, Clone)]
pub(super) struct Session {
    pub(super) owner: SessionOwner,
    began_at_ms: i64,
    absolute_end_ms: i64,
    idle_end_ms: i64,
    token_id: String,
    issued_at_ms: i64,
    is_used: bool,
    previous_token_id: String,
    generation: u32,
    fingerprint: String,
    previous_fingerprint: String,
    /// When the current token was last given to a client that did not have it.
    answered_at_ms: i64,
}

impl Session {
    pub(super) fn start(new: NewSession, times: &SessionTimes) -> Self {
        Self {
            owner: SessionOwner {
                account_id: new.account_id,
                login_key: new.login_key,
                credential_version: new.credential_version,
                has_second_factor: new.has_second_factor,
            },
            began_at_ms: new.now_ms,
            absolute_end_ms: new.now_ms.saturating_add(times.absolute_ms),
            idle_end_ms: new.now_ms.saturating_add(times.idle_ms),
            token_id: new.token_id,
            issued_at_ms: new.now_ms,
            is_used: false,
            previous_token_id: String::new(),
            generation: 1,
            fingerprint: new.refresh_fingerprint,
            previous_fingerprint: String::new(),
            answered_at_ms: new.now_ms,
        }
    }

    pub(super) fn is_over(&self, now_ms: i64) -> bool {
        now_ms >= self.absolute_end_ms.min(self.idle_end_ms)
    }

    pub(super) fn open(&self, session_id: &str) -> OpenSession {
        OpenSession {
            session_id: session_id.to_owned(),
            credential_version: self.owner.credential_version,
            began_at_ms: self.began_at_ms,
            renewed_at_ms: self.issued_at_ms,
        }
    }

    pub(super) fn mark_used(&mut self, token_id: &str) {
        self.is_used |= self.token_id == token_id;
    }

    /// Answers an exchange. After [`Exchanged::Reused`] the session has to be removed.
    pub(super) fn exchange(
        &mut self,
        handle: Handle,
        new_token_id: String,
        now_ms: i64,
        times: &SessionTimes,
    ) -> Exchanged {
        match handle {
            Handle::Access { token_id } => self.exchange_access(&token_id, new_token_id, now_ms, times),
            Handle::Refresh {
                generation,
                fingerprint,
                next_fingerprint,
            } => {
                if generation == self.generation && fingerprint == self.fingerprint {
                    self.generation += 1;
                    self.previous_fingerprint = std::mem::replace(&mut self.fingerprint, next_fingerprint);
                    return self.advance(new_token_id, now_ms, times);
                }
                let is_predecessor = generation + 1 == self.generation && fingerprint == self.previous_fingerprint;
                let is_unforgiven = planted::is(Bug::LostRefreshUnforgiven) && !self.is_in_grace(now_ms, times);
                if !is_predecessor || is_unforgiven {
                    return Exchanged::Reused;
                }
                self.again(new_token_id, now_ms, times)
            }
        }
    }

    fn exchange_access(
        &mut self,
        token_id: &str,
        new_token_id: String,
        now_ms: i64,
        times: &SessionTimes,
    ) -> Exchanged {
        if token_id == self.token_id {
            // Whoever hands it in has had the answer that brought it: no refresh waits for its answer any more.
            self.previous_fingerprint.clear();
            return self.advance(new_token_id, now_ms, times);
        }
        if token_id != self.previous_token_id {
            return Exchanged::Reused;
        }
        self.again(new_token_id, now_ms, times)
    }

    /// Answers a predecessor: within the grace always, and after it as long as nothing shows that the answer has arrived.
    fn again(&mut self, new_token_id: String, now_ms: i64, times: &SessionTimes) -> Exchanged {
        if self.is_in_grace(now_ms, times) {
            return self.current();
        }
        if self.is_used && !planted::is(Bug::ReuseForgiven) {
            return Exchanged::Reused;
        }
        // The answer with the successor was lost. A successor that has run out by now is replaced, and the handle stays its
        // predecessor. The grace begins anew, for a request that was sent twice.
        if now_ms - self.issued_at_ms >= times.token_ttl_ms {
            self.issue(new_token_id, now_ms, times);
        }
        self.answered_at_ms = now_ms;
        self.current()
    }

    fn is_in_grace(&self, now_ms: i64, times: &SessionTimes) -> bool {
        now_ms - self.answered_at_ms <= times.grace_ms
    }

    fn advance(&mut self, new_token_id: String, now_ms: i64, times: &SessionTimes) -> Exchanged {
        self.previous_token_id = self.token_id.clone();
        self.issue(new_token_id, now_ms, times);
        self.current()
    }

    fn issue(&mut self, token_id: String, now_ms: i64, times: &SessionTimes) {
        self.token_id = token_id;
        self.issued_at_ms = now_ms;
        self.answered_at_ms = now_ms;
        self.is_used = false;
        self.idle_end_ms = now_ms.saturating_add(times.idle_ms);
    }

    fn current(&self) -> Exchanged {
        Exchanged::Current {
            token_id: self.token_id.clone(),
            issued_at_ms: self.issued_at_ms,
        }
    }
}
