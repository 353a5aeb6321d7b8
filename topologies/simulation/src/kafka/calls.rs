//! Calls: a request on its way, and who waits for its answer.

use std::collections::BTreeMap;
use std::time::Duration;

use super::weather::Fate;
use super::{Kafka, Outcome, Route};
use crate::cluster::{Answer, BrokerId, Handled, Request, Ticket};
use crate::sometimes::Moment;
use crate::world::{ProcessId, ThreadId};

/// What a client finds out about a connection that was reset.
const RESET_NOTICE: Duration = Duration::from_millis(1);

/// A connection on which nothing comes through is given up after this time, because something else that was sent on it was not
/// answered.
const DEAD_CONNECTION: Duration = Duration::from_secs(6);

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lost {
    /// None came in time; whether the request was heard nobody knows.
    Unanswered,
    /// The connection was reset; whether the request was heard nobody knows.
    Disconnected,
}

/// One connection of a client. What is sent on it arrives in its order; another one does not wait for it.
#[derive(Debug, Default)]
pub(crate) struct Link {
    heard_until: Duration,
    answered_until: Duration,
}

#[derive(Default)]
pub(super) struct Calls {
    last: u64,
    waiting: BTreeMap<u64, Waiting>,
    parked: BTreeMap<Ticket, (u64, Route)>,
}

struct Waiting {
    thread: ThreadId,
    outcome: Option<Outcome>,
    /// Answers on the same connection come after this moment.
    answered_until: Duration,
}

/// A request on its way.
struct Packet {
    call: u64,
    route: Route,
    request: Request,
}

impl Kafka {
    /// Sends a request and waits for its answer, from inside a thread. A client that gets none goes on with another connection.
    pub(crate) fn call(
        &self,
        process: ProcessId,
        link: &mut Link,
        broker: BrokerId,
        request: Request,
        timeout: Duration,
    ) -> Outcome {
        self.world.step(process);
        let Some(thread) = self.world.current().filter(|_| self.world.is_alive(process)) else {
            return Err(Lost::Disconnected);
        };
        let deadline = self.world.now() + timeout;
        let call = self.begin(thread, link);
        let route = Route { process, broker };
        self.send(Packet { call, route, request }, link);
        loop {
            if let Some(outcome) = self.take_outcome(call, link) {
                return outcome;
            }
            if self.world.now() >= deadline || !self.world.park(Some(deadline)) {
                self.lock().calls.waiting.remove(&call);
                *link = Link::default();
                return Err(Lost::Unanswered);
            }
        }
    }

    fn begin(&self, thread: ThreadId, link: &Link) -> u64 {
        let calls = &mut self.lock().calls;
        calls.last += 1;
        let waiting = Waiting {
            thread,
            outcome: None,
            answered_until: link.answered_until,
        };
        calls.waiting.insert(calls.last, waiting);
        calls.last
    }

    fn take_outcome(&self, call: u64, link: &mut Link) -> Option<Outcome> {
        let calls = &mut self.lock().calls;
        let waiting = calls.waiting.get_mut(&call)?;
        let outcome = waiting.outcome.take()?;
        link.answered_until = waiting.answered_until;
        calls.waiting.remove(&call);
        if outcome == Err(Lost::Disconnected) {
            *link = Link::default();
        }
        Some(outcome)
    }

    fn send(&self, packet: Packet, link: &mut Link) {
        let fate = self
            .world
            .draw(|random| self.lock().weather.request(packet.route, random));
        let now = self.world.now();
        self.world.note(packet.request.name(), packet.call);
        self.world.tell(packet.call, || {
            format!("  from {} {fate:?}: {:?}", packet.route.process.0, packet.request)
        });
        match fate {
            Fate::Vanishes => {
                self.world.reached(Moment::RequestsCut);
                self.settle(packet.call, DEAD_CONNECTION, Err(Lost::Disconnected));
            }
            Fate::Arrives(after) => {
                link.heard_until = link.heard_until.max(now + after);
                self.arrive(packet, link.heard_until.saturating_sub(now));
            }
            Fate::Reset { after, heard } => {
                let call = packet.call;
                if heard {
                    self.arrive(packet, after);
                }
                self.settle(call, after, Err(Lost::Disconnected));
            }
        }
    }

    fn arrive(&self, packet: Packet, after: Duration) {
        let at = self.world.now() + after;
        {
            let mut state = self.lock();
            state.arrived_at = state.arrived_at.max(at);
        }
        let kafka = self.clone();
        self.world.after(after, move |_| kafka.heard(packet));
    }

    /// A broker has the request.
    fn heard(&self, packet: Packet) {
        let Packet { call, route, request } = packet;
        let name = request.name();
        let is_late = !self.lock().calls.waiting.contains_key(&call) || !self.world.is_alive(route.process);
        if self.lock().weather.down.contains(&route.broker) {
            self.settle(call, RESET_NOTICE, Err(Lost::Disconnected));
            return;
        }
        let now = self.world.now();
        let handled = self.lock().cluster.handle(now, route.broker, request);
        if is_late {
            self.count_late(name, &handled);
        }
        self.world
            .tell(call, || format!("  heard, late {is_late}: {handled:?}"));
        match handled {
            Handled::Answer(answer) => self.answer(call, route, name, answer),
            Handled::Parked(ticket) => drop(self.lock().calls.parked.insert(ticket, (call, route))),
        }
        self.follow_up();
    }

    fn count_late(&self, name: &str, handled: &Handled) {
        match (name, handled) {
            ("EndTxn", Handled::Answer(Err(_))) => {
                self.world.reached(Moment::EndLate);
                self.world.reached(Moment::LateEndRefused);
            }
            ("EndTxn", _) => self.world.reached(Moment::EndLate),
            ("Produce", _) => self.world.reached(Moment::ProduceLate),
            ("JoinGroup", _) => self.world.reached(Moment::JoinLate),
            _ => {}
        }
    }

    pub(super) fn answer_parked(&self, ticket: Ticket, answer: Answer) {
        let parked = self.lock().calls.parked.remove(&ticket);
        if let Some((call, route)) = parked {
            self.answer(call, route, "JoinGroup", answer);
        }
    }

    fn answer(&self, call: u64, route: Route, name: &str, answer: Answer) {
        let fate = self.world.draw(|random| self.lock().weather.answer(route, random));
        let is_cut = self.lock().weather.cut.contains_key(&route.process);
        if fate == Fate::Vanishes {
            self.settle(call, DEAD_CONNECTION, Err(Lost::Disconnected));
        }
        match (fate, name) {
            (Fate::Arrives(after), _) => self.settle(call, after, Ok(answer)),
            (_, _) if is_cut => self.world.reached(Moment::AnswersCut),
            (_, "EndTxn") => self.world.reached(Moment::EndAnswerLost),
            (_, "Produce") => self.world.reached(Moment::ProduceAnswerLost),
            (_, "TxnOffsetCommit") => self.world.reached(Moment::OffsetsAnswerLost),
            _ => {}
        }
    }

    /// The caller has its outcome after this time, if it still waits then.
    fn settle(&self, call: u64, after: Duration, outcome: Outcome) {
        let now = self.world.now();
        let at = {
            let mut state = self.lock();
            let Some(waiting) = state.calls.waiting.get_mut(&call) else {
                return;
            };
            waiting.answered_until = waiting.answered_until.max(now + after);
            waiting.answered_until
        };
        let kafka = self.clone();
        self.world.after(at.saturating_sub(now), move |world| {
            let thread = {
                let mut state = kafka.lock();
                let Some(waiting) = state.calls.waiting.get_mut(&call) else {
                    return;
                };
                waiting.outcome.get_or_insert(outcome);
                waiting.thread
            };
            world.wake(thread);
        });
    }
}
