// Server-sent events out of a stream of text, as the HTML standard reads them. `EventSource` cannot send a token, so this is ours.

/** Characters of one event, at most: a server that never ends a line does not fill the memory. */
export const EVENT_CHARS_MAX = 256 * 1024;

/** Takes text in whatever pieces it comes, and gives `onEvent` each whole event: `{ id, type, data }`. */
export class EventParser {
  #onEvent;
  #rest = "";
  #afterReturn = false;
  #first = true;
  #data = [];
  #type = "";
  #id = null;

  constructor(onEvent) {
    this.#onEvent = onEvent;
  }

  push(text) {
    let piece = text;
    if (this.#first && piece.length > 0) {
      this.#first = false;
      if (piece.startsWith("\uFEFF")) piece = piece.slice(1);
    }
    // The line feed of a pair whose carriage return ended the piece before.
    if (this.#afterReturn && piece.length > 0) {
      this.#afterReturn = false;
      if (piece.startsWith("\n")) piece = piece.slice(1);
    }
    this.#afterReturn = piece.endsWith("\r");
    const lines = (this.#rest + piece).split(/\r\n|\r|\n/);
    this.#rest = lines.pop() ?? "";
    lines.forEach((line) => this.#line(line));
    if (this.#rest.length > EVENT_CHARS_MAX) throw new RangeError("an event is too long");
  }

  #line(line) {
    if (line === "") return this.#dispatch();
    if (line.startsWith(":")) return undefined;
    const colon = line.indexOf(":");
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (name === "data") this.#data.push(value);
    if (name === "event") this.#type = value;
    if (name === "id" && !value.includes("\0")) this.#id = value;
    return undefined;
  }

  #dispatch() {
    if (this.#data.length > 0) {
      this.#onEvent({ id: this.#id, type: this.#type || "message", data: this.#data.join("\n") });
    }
    this.#data = [];
    this.#type = "";
  }
}
