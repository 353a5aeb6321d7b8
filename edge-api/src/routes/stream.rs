//! What happens to an order, as it happens (server-sent events).
#![allow(unused_qualifications, reason = "utoipa writes them into what it generates")]

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::pin;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{Extension, State};
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures_util::stream::unfold;
use tokio::sync::OwnedSemaphorePermit;

use super::orders::{Seen, see, shown};
use crate::auth::Caller;
use crate::auth::access::Operation;
use crate::clock::random_bytes;
use crate::http::parameters::PathId;
use crate::limits::{PAGE_MAX, STREAM_HEARTBEAT, STREAM_LOOK_INTERVAL, STREAM_TIME_MAX, STREAM_WAIT};
use crate::metrics::{Counted, Kind};
use crate::model::timeline::EventBody;
use crate::problem::{Answer, Code, Problem};
use crate::state::EdgeState;

/// `/orders/{id}/stream`.
pub fn router() -> Router<EdgeState> {
    Router::new().route("/orders/{id}/stream", get(stream))
}

/// Tells what happens to an order as it happens: one server-sent event for each event of `/orders/{id}/events`, with its number as
/// id, its type as name and the event itself as data. It begins after the number in `Last-Event-ID`, or with the first. It ends after
/// five minutes at most, when the session is over or the gateway stops; whoever comes back with the last number misses nothing.
#[utoipa::path(
    get, path = "/orders/{id}/stream", tag = "orders",
    params(
        ("id" = String, Path, description = "The order."),
        ("Last-Event-ID" = Option<String>, Header, description = "The number of the last event that was received.")
    ),
    responses((status = 200, description = "A stream of events.", body = EventBody, content_type = "text/event-stream"))
)]
pub async fn stream(
    State(state): State<EdgeState>,
    caller: Caller,
    Extension(operation): Extension<&'static Operation>,
    PathId(id): PathId,
    headers: HeaderMap,
) -> Answer {
    let after = last_event(&headers)?;
    see(&state, operation, &caller, &id).await?;
    let place = state.streams().try_acquire_owned().map_err(|_| {
        Problem::new(
            Code::TooManyRequests,
            "This gateway has as many streams as it can serve. Try again, or read the events page by page.",
        )
    })?;
    let tempo = Tempo::of(&state)?;
    let following = Following {
        ends: Instant::now() + tempo.of_its_own(STREAM_TIME_MAX),
        tempo,
        state,
        caller,
        operation,
        id,
        after,
        ready: VecDeque::new(),
        _place: place,
        _counted: Counted::start(Kind::Stream),
    };
    Ok(following.response())
}

/// A stream under way.
struct Following {
    state: EdgeState,
    caller: Caller,
    operation: &'static Operation,
    id: String,
    /// The last event that was read, shown or not.
    after: u64,
    /// Events that have been read and not been sent.
    ready: VecDeque<EventBody>,
    ends: Instant,
    tempo: Tempo,
    _place: OwnedSemaphorePermit,
    _counted: Counted,
}

impl Following {
    fn response(self) -> Response {
        let heartbeat = self.tempo.of_its_own(STREAM_HEARTBEAT);
        let events = unfold(self, |mut following| async {
            let event = following.next().await?;
            Some((Ok::<_, Infallible>(event), following))
        });
        let keep_alive = KeepAlive::new().interval(heartbeat);
        Sse::new(events).keep_alive(keep_alive).into_response()
    }

    /// The next event; `None` at the end. What cannot be read ends the stream too: the client comes back and is told why.
    async fn next(&mut self) -> Option<Event> {
        while self.ready.is_empty() {
            if self.is_over() {
                return None;
            }
            if self.awaited().await? {
                self.read().await.ok()?;
            }
        }
        let event = self.ready.pop_front()?;
        let line = Event::default().id(event.seq.to_string()).event(&event.kind);
        line.json_data(&event).ok()
    }

    fn is_over(&self) -> bool {
        Instant::now() >= self.ends || self.state.revocations().cover(self.caller.held())
    }

    /// Whether there is another event, after a while at most; `None` when the stream is over. The owner of the order is asked once in
    /// that while, however often this gateway looks whether it still may.
    async fn awaited(&self) -> Option<bool> {
        let next = self.after.saturating_add(1);
        let reader = self.state.reader();
        let mut event = pin!(reader.await_event(&self.id, next, self.tempo.of_its_own(STREAM_WAIT)));
        let look_interval = self.tempo.of_its_own(STREAM_LOOK_INTERVAL);
        loop {
            tokio::select! {
                seen = &mut event => return seen.ok(),
                () = self.state.drained() => return None,
                () = tokio::time::sleep(look_interval) => if self.is_over() { return None },
            }
        }
    }

    /// Reads what has happened, as far as the caller may know it. The order is read again: it says which lines are the caller's.
    async fn read(&mut self) -> Result<(), Problem> {
        let Seen { order, scope, own } = see(&self.state, self.operation, &self.caller, &self.id).await?;
        let items = self.state.reader().events_of(&order, self.after, PAGE_MAX).await?;
        if let Some(last) = items.last() {
            self.after = u64::try_from(last.seq).unwrap_or(self.after);
        }
        self.ready.extend(shown(items, scope, &own));
        Ok(())
    }
}

/// By how much a stream is quicker than its limits.
#[derive(Debug, Clone, Copy)]
struct Tempo(u8);

impl Tempo {
    fn of(state: &EdgeState) -> Result<Self, Problem> {
        let [share] = random_bytes(state.entropy())?;
        Ok(Self(share))
    }

    /// Between three quarters of `time` and all of it: streams that began together do not do everything together for ever.
    fn of_its_own(self, time: Duration) -> Duration {
        time / 4 * 3 + time / 4 * u32::from(self.0) / u32::from(u8::MAX)
    }
}

fn last_event(headers: &HeaderMap) -> Result<u64, Problem> {
    let Some(value) = headers.get("last-event-id") else {
        return Ok(0);
    };
    let number = value.to_str().ok().and_then(|text| text.parse().ok());
    number.ok_or_else(|| Problem::new(Code::Malformed, "Last-Event-ID is the number of an event."))
}
