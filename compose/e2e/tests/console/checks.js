// What is wrong with the page that is shown, as a list of words; empty when nothing is. A function body, run by the tests.

const wrong = [];
const shown = (element) => element.checkVisibility({ visibilityProperty: true, opacityProperty: true });
const name = (element) => `${element.tagName.toLowerCase()}${element.id ? `#${element.id}` : ""}.${element.getAttribute("class") ?? ""} "${(element.textContent || element.getAttribute("aria-label") || "").trim().slice(0, 40)}"`;
const all = (css) => [...document.querySelectorAll(css)].filter(shown);

const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
ids.filter((id, at) => ids.indexOf(id) !== at).forEach((id) => wrong.push(`the id ${id} is there twice`));

for (const control of all("input, select, textarea")) {
  const labelled = control.labels?.length > 0 || control.getAttribute("aria-label");
  if (!labelled) wrong.push(`no label: ${name(control)}`);
}
for (const control of all("button, a[href], summary")) {
  if (!(control.innerText || control.getAttribute("aria-label") || "").trim()) wrong.push(`no name: ${name(control)}`);
}
for (const list of ["aria-describedby", "aria-labelledby", "for"]) {
  for (const element of document.querySelectorAll(`[${list}]`)) {
    for (const id of element.getAttribute(list).split(" ")) if (!document.getElementById(id)) wrong.push(`${list} leads nowhere: ${name(element)}`);
  }
}

const levels = all("h1, h2, h3, h4").map((heading) => Number(heading.tagName[1]));
if (levels.filter((level) => level === 1).length !== 1) wrong.push(`${levels.filter((level) => level === 1).length} first headings`);
levels.forEach((level, at) => {
  if (at > 0 && level > levels[at - 1] + 1) wrong.push(`a heading of level ${level} follows one of level ${levels[at - 1]}`);
});
for (const landmark of ["main", "header", "footer"]) if (all(landmark).length !== 1) wrong.push(`not one ${landmark}`);
if (!document.documentElement.lang) wrong.push("no language");
// A key whose words are missing shows itself. Headers of records look alike and are named after the product.
const keys = document.body.innerText.split("\n").filter((line) => /^[a-z]+(\.[a-zA-Z]+)+$/.test(line.trim()) && !line.startsWith("sluice."));
if (keys.length > 0) wrong.push(`words are missing: ${keys}`);
// A phone makes `innerWidth` as wide as what is in the page, so the width of the root counts.
const width = document.documentElement.clientWidth;
if (document.documentElement.scrollWidth > width) {
  const wide = all("body *").find((element) => element.getBoundingClientRect().right > width + 1 && !element.closest(".scroll, .tabs"));
  wrong.push(`wider than the window: ${document.documentElement.scrollWidth} > ${width}, ${wide ? name(wide) : "?"}`);
}
// A name in the navigation has one line, inside its link.
for (const label of all("nav a > span:not(.count)")) {
  const [text, link] = [document.createRange(), label.parentElement.getBoundingClientRect()];
  text.selectNodeContents(label);
  const lines = [...text.getClientRects()];
  if (lines.length > 1 || lines.some((line) => line.left < link.left - 1 || line.right > link.right + 1)) wrong.push(`no room: ${name(label)}`);
}

for (const control of all("button, input:not([type=radio]):not([type=checkbox]), select, nav a, summary, .choice, .check")) {
  const box = control.getBoundingClientRect();
  if (box.height < 43.5 || box.width < 43.5) wrong.push(`too small to touch: ${name(control)} ${Math.round(box.width)}x${Math.round(box.height)}`);
}

// Contrast (WCAG 2.2, 1.4.3): of each text with what is behind it.
const rgba = (text) => {
  const canvas = rgba.canvas ??= new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  canvas.clearRect(0, 0, 1, 1);
  canvas.fillStyle = text;
  canvas.fillRect(0, 0, 1, 1);
  const [red, green, blue, alpha] = canvas.getImageData(0, 0, 1, 1).data;
  return [red, green, blue, alpha / 255];
};
const luminance = (colour) => {
  const [red, green, blue] = colour.slice(0, 3).map((part) => part / 255).map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
};
const behind = (element) => {
  for (let one = element; one; one = one.parentElement) {
    const style = getComputedStyle(one);
    if (style.backgroundImage !== "none") return null;
    const colour = rgba(style.backgroundColor);
    if (colour[3] > 0.99) return colour;
  }
  return rgba(getComputedStyle(document.body).backgroundColor);
};
const contrast = (one, other) => {
  const [light, dark] = [luminance(one), luminance(other)].sort((a, b) => b - a);
  return (light + 0.05) / (dark + 0.05);
};
for (const element of all("body *")) {
  const hasText = [...element.childNodes].some((child) => child.nodeType === Node.TEXT_NODE && child.textContent.trim());
  if (!hasText || element.closest("svg, .hidden-text, [disabled], [aria-disabled=true]")) continue;
  const style = getComputedStyle(element);
  const background = behind(element);
  if (!background) continue;
  const large = parseFloat(style.fontSize) >= 24 || (parseFloat(style.fontSize) >= 18.66 && Number(style.fontWeight) >= 700);
  const found = contrast(rgba(style.color), background);
  if (found < (large ? 3 : 4.5)) wrong.push(`contrast ${found.toFixed(2)}: ${name(element)}`);
}

return wrong;
