// Elements made safely: what is shown is always text, never markup.

const svgSpace = "http://www.w3.org/2000/svg";

const append = (parent, children) => {
  for (const child of children.flat(Infinity))
    if (child !== null && child !== undefined && child !== false)
      parent.append(child instanceof Node ? child : String(child));
  return parent;
};

const dress = (element, properties) => {
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "on") for (const [event, handler] of Object.entries(value)) element.addEventListener(event, handler);
    else if (name === "data") Object.assign(element.dataset, value);
    else if (name === "value") element.value = value;
    else if (name === "checked" || name === "disabled" || name === "selected") element[name] = Boolean(value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  return element;
};

/** An element with attributes (`on` for listeners, `data` for data attributes) and children: elements and texts. */
export const h = (tag, properties = {}, ...children) => {
  const element = document.createElement(tag);
  append(element, children); // first: a select takes its value from its options
  return dress(element, properties);
};

/** The same for SVG. */
export const svg = (tag, properties = {}, ...children) =>
  dress(append(document.createElementNS(svgSpace, tag), children), properties);

export const replace = (parent, ...children) => {
  parent.replaceChildren();
  return append(parent, children);
};

const nameOf = (one) => one.getAttribute("aria-label") ?? one.getAttribute("href") ?? one.textContent;

/** A control, or what has its name where it was made anew. */
export const successor = (control, within) =>
  control.isConnected
    ? control
    : [...within.querySelectorAll("a, button, input")].find((one) => nameOf(one) === nameOf(control));

/** The same for what may have the focus, which its successor has then, or else the page. */
export const refill = (parent, ...children) => {
  const had = document.activeElement;
  const inside = parent.contains(had);
  replace(parent, ...children);
  if (inside) (successor(had, parent) ?? parent.closest("main"))?.focus({ preventScroll: true });
};

const paths = {
  overview: ["M3 12h4l3-8 4 16 3-8h4"],
  servers: ["M4 4h16v6H4z", "M4 14h16v6H4z", "M8 7h.01", "M8 17h.01"],
  senders: [
    "M9 11a4 4 0 1 0 0-8 4 4 0 0 0 0 8z",
    "M2 21v-2a5 5 0 0 1 5-5h4a5 5 0 0 1 5 5v2",
    "M16 3.2a4 4 0 0 1 0 7.6",
    "M18.5 14.200A5 5 0 0 1 22 19v2",
  ],
  queue: ["M3 7l9 6 9-6", "M3 6h18v13H3z"],
  logins: ["M8 15a5 5 0 1 1 4.6-7H22v4h-3v3h-4v-2.5", "M7 10h.01"],
  tenants: ["M4 21V4h9v17", "M13 10h7v11", "M2 21h20", "M7 8h3", "M7 12h3", "M7 16h3"],
  administrators: ["M12 3l8 3v6c0 5-3.5 8-8 9-4.5-1-8-4-8-9V6z", "M9 12l2 2 4-4"],
  tokens: ["M4 7h16v10H4z", "M8 12h.01", "M12 12h.01", "M16 12h.01"],
  audit: ["M6 3h12v18H6z", "M9 8h6", "M9 12h6", "M9 16h3"],
  good: ["M5 13l4.5 4.500L19 7"],
  bad: ["M6 6l12 12", "M18 6L6 18"],
  close: ["M6 6l12 12", "M18 6L6 18"],
  theme: ["M12 3a9 9 0 1 0 9 9 7 7 0 0 1-9-9z"],
  plus: ["M12 5v14", "M5 12h14"],
  up: ["M6 15l6-6 6 6"],
};

/** A small drawing beside a word that says the same. */
export const icon = (name, properties = {}) =>
  svg(
    "svg",
    {
      viewBox: "0 0 24 24",
      fill: "none",
      stroke: "currentColor",
      "stroke-width": 2,
      "stroke-linecap": "round",
      "stroke-linejoin": "round",
      "aria-hidden": "true",
      ...properties,
    },
    paths[name].map((d) => svg("path", { d })),
  );

let numbers = 0;
/** A name for an element that others refer to. */
export const fresh = (prefix) => `${prefix}-${++numbers}`;

/** Says something to those who do not see the page. */
export const announce = (text) => {
  const place = document.querySelector("dialog[open] .announcer") ?? document.querySelector("#announcer");
  place.textContent = text;
  place.dataset.at = Date.now();
};

/** Says again what a dialog said just before it closed: its place is gone with it. */
export const announceAgain = (dialog) => {
  const place = dialog.querySelector(".announcer");
  if (Date.now() - (place.dataset.at ?? 0) < 3000) announce(place.textContent);
};

/** Says that something was done, for a moment, and to those who do not see it. */
export const toast = (text) => {
  const shown = h("div", { class: "toast" }, text);
  const place = document.querySelector("#toasts");
  const kept = [...place.children].filter((one) => one.textContent !== text).slice(-1); // more would hide the page
  replace(place, kept, shown);
  announce(text);
  setTimeout(() => shown.remove(), 6000);
};

export const button = (label, action, { kind = "", ...more } = {}) =>
  h("button", { type: "button", class: kind, on: { click: action }, ...more }, label);

export const badge = (text, kind = "") => h("span", { class: `badge ${kind}` }, text);

/** A long name that may be broken after its dots and signs, and nowhere else. */
export const breakable = (text) =>
  String(text)
    .split(/(?<=[.@:_-])/)
    .flatMap((part, at) => (at ? [h("wbr"), part] : [part]));

/** A message with a coloured edge. */
export const note = (kind, ...children) => h("div", { class: `note ${kind}` }, ...children);

export const waiting = (text = "Loading") => h("p", { class: "soft row" }, h("span", { class: "spin" }), text);
