// Elements, built from nodes and never from markup: nothing that somebody wrote can become part of a page.

/** An element with attributes (a function is a listener, `true` a bare attribute) and children. */
export function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (typeof value === "function") element.addEventListener(key, value);
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.flat(9).filter((child) => child !== undefined && child !== null && child !== false));
  return element;
}

/** Replace what stands in an element; what is missing is left out. */
export function fill(element, ...children) {
  element.replaceChildren(...make("div", {}, children).childNodes);
}

/** A list of terms and what they are; pairs without a value are left out. */
export function facts(...pairs) {
  const shown = pairs.filter(([, value]) => value !== undefined && value !== null && value !== false && value !== "");
  return make("dl", { class: "facts" }, shown.map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, value))));
}

/** A state with its mark: what it says never hangs on the colour alone. */
export function badge(tone, text) {
  const marks = { good: "✓", bad: "✕", open: "?", set: "–", calm: "•" };
  return make("span", { class: `badge ${tone}` }, make("span", { "aria-hidden": "true" }, marks[tone]), ` ${text}`);
}

/** The element with this id. */
export const at = (id) => document.getElementById(id);
