// Elements from data. Text is only ever text: nothing here reads markup.

const SVG = "http://www.w3.org/2000/svg";

/** An element with attributes, listeners (`onClick`) and children; `null` and `false` children are left out. */
export function h(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** The same for a drawing. */
export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

/** Puts children in the place of whatever an element had. */
export function put(element, ...children) {
  element.replaceChildren(...flat(children));
  return element;
}

/** Draws something in `place` anew. What had the focus there and comes back under its id has it again; else `fallback` gets it. */
export function keepFocus(place, draw, fallback) {
  const had = document.activeElement;
  const isInside = place.contains(had);
  draw();
  if (isInside && !had.isConnected) (document.getElementById(had.id) ?? document.querySelector(fallback))?.focus({ preventScroll: true });
}

let ids = 0;

/** An id that no other element has. */
export function uniqueId(prefix) {
  ids += 1;
  return `${prefix}-${ids}`;
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2).toLowerCase(), value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...flat(children));
  return element;
}

function flat(children) {
  return children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false);
}
