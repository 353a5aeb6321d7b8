// Follows an order as it changes: by the stream of its events, and by long polls where streams do not come through.

import { Problem, call, open } from "./api.js";
import { EventParser } from "./sse.js";

/** Wait before the first further attempt; it doubles with each. */
const RETRY_MS = 500;
/** Longest wait between two attempts. */
const RETRY_MAX_MS = 15_000;
/** After so many streams in a row that brought nothing, the order is polled. */
const STREAM_FAILURES_MAX = 3;
/** A stream that has lasted so long has worked, whether something happened or not. */
const STREAM_WORKS_MS = 5_000;
/** After so many polls a stream is tried again. */
const POLLS_MAX = 8;
/** Seconds that one poll waits for a change. */
const POLL_SECONDS = 25;
/** Events that one read asks for. */
const PAGE = 100;

/**
 * Follows an order until `signal` aborts, or until nothing can come any more.
 * Tells `onEvent(event)`, each once and in order, `onOrder(order)`, `onState("live" | "polling" | "waiting")` and `onProblem(problem)`.
 */
export async function follow(orderId, told, signal) {
  const order = { path: `/orders/${encodeURIComponent(orderId)}`, last: 0, etag: null, told, signal };
  const tries = { streams: 0, polls: 0, failed: 0 };
  while (!signal.aborted) {
    try {
      await once(order, tries);
      tries.failed = 0;
    } catch (problem) {
      if (signal.aborted) return;
      if (problem instanceof Problem && [401, 403, 404].includes(problem.status)) {
        told.onProblem(problem);
        return;
      }
      tries.failed += 1;
    }
    if (tries.failed > 0) await pause(order, tries.failed);
  }
}

/** One stream, or one poll where streams have failed. */
async function once(order, tries) {
  if (tries.streams >= STREAM_FAILURES_MAX) {
    await poll(order);
    tries.polls += 1;
    if (tries.polls >= POLLS_MAX) Object.assign(tries, { streams: STREAM_FAILURES_MAX - 1, polls: 0 });
    return;
  }
  const [before, began] = [order.last, Date.now()];
  tries.streams += 1;
  await stream(order);
  if (order.last > before || Date.now() - began > STREAM_WORKS_MS) tries.streams = 0;
  else throw new Error("the stream brought nothing");
}

async function stream(order) {
  const headers = { accept: "text/event-stream" };
  if (order.last > 0) headers["last-event-id"] = String(order.last);
  const answer = await open(`${order.path}/stream`, { headers, signal: order.signal });
  order.told.onState("live");
  await reread(order);
  const events = [];
  const parser = new EventParser((event) => events.push(event));
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    parser.push(value);
    if (events.length === 0) continue;
    events.splice(0).forEach((event) => tell(order, JSON.parse(event.data)));
    await reread(order);
  }
}

async function poll(order) {
  order.told.onState("polling");
  const headers = order.etag === null ? {} : { "if-none-match": order.etag };
  const answer = await call("GET", order.path, { headers, waitSeconds: POLL_SECONDS, signal: order.signal });
  if (answer.status !== 304) {
    order.etag = answer.headers.get("etag");
    order.told.onOrder(answer.body);
  }
  let cursor = "";
  do {
    const page = await call("GET", `${order.path}/events?limit=${PAGE}${cursor}`, { signal: order.signal });
    page.body.items.forEach((event) => tell(order, event));
    cursor = page.body.next_cursor === null ? "" : `&cursor=${page.body.next_cursor}`;
  } while (cursor !== "");
}

async function reread(order) {
  const answer = await call("GET", order.path, { signal: order.signal });
  order.etag = answer.headers.get("etag");
  order.told.onOrder(answer.body);
}

function tell(order, event) {
  if (event.seq <= order.last) return;
  order.last = event.seq;
  order.told.onEvent(event);
}

/** Waits before the next attempt, or until the view is left or the machine is online again. */
function pause(order, failed) {
  order.told.onState("waiting");
  const wait = Math.min(RETRY_MS * 2 ** (failed - 1), RETRY_MAX_MS);
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, wait);
    const now = () => {
      clearTimeout(timer);
      resolve();
    };
    order.signal.addEventListener("abort", now, { once: true });
    addEventListener("online", now, { once: true });
  });
}
