// Making elements. Words of people become text nodes, never markup.

const PATHS = {
  menu: "M4 7h16M4 12h16M4 17h16",
  close: "M6 6l12 12M18 6L6 18",
  plus: "M12 5v14M5 12h14",
  search: "M11 4a7 7 0 1 0 0 14 7 7 0 0 0 0-14zM20 20l-4-4",
  people: "M9 4.5a3.5 3.5 0 1 0 0 7 3.5 3.5 0 0 0 0-7zM2.5 20c.4-3.6 3-5.5 6.5-5.5s6.1 1.9 6.5 5.5M16 5.2a3.2 3.2 0 0 1 0 6M18 14.8c2 .7 3.2 2.4 3.5 5.2",
  more: "M12 5.5v.01M12 12v.01M12 18.5v.01",
  send: "M5 12h13M12.5 5.5L19 12l-6.5 6.5",
  down: "M12 5v13M6 12.5l6 6 6-6",
  hash: "M9.5 4L7.5 20M16.5 4l-2 16M4.5 9h16M3.5 15h16",
  shield: "M12 3.5l7 2.5v5.5c0 4.3-2.8 7.5-7 9-4.2-1.5-7-4.7-7-9V6z",
};

export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export function icon(name) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(space, "path");
  path.setAttribute("d", PATHS[name]);
  svg.append(path);
  return svg;
}

export const byId = (id) => document.getElementById(id);

export function hueOf(id) {
  let sum = 0x811c9dc5;
  for (const character of id) sum = Math.imul(sum ^ character.codePointAt(0), 0x01000193) >>> 0;
  return `hue-${((sum ^ (sum >>> 13)) >>> 0) % 8}`;
}

export function avatar(id, nick, size = "") {
  return h("span", { class: `avatar ${hueOf(id)} ${size}`, "aria-hidden": "true" }, initial(nick));
}

export const initial = (nick) => ([...nick][0] ?? "?").toUpperCase();

const TRAILING = /[.,;:!?'")\]}>]+$/;

// Text with its http and https addresses as links; nothing else becomes one.
export function linked(text) {
  const parts = [];
  let from = 0;
  for (const found of text.matchAll(/https?:\/\/[^\s<>"']+/gi)) {
    const address = found[0].replace(TRAILING, "");
    let url;
    try {
      url = new URL(address);
    } catch {
      continue;
    }
    if (url.protocol !== "http:" && url.protocol !== "https:") continue;
    parts.push(text.slice(from, found.index));
    parts.push(h("a", { href: url.href, target: "_blank", rel: "noopener noreferrer" }, address));
    from = found.index + address.length;
  }
  parts.push(text.slice(from));
  return parts;
}

const CLOCK = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const DAY = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });
const DAY_OF_YEAR = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "long", year: "numeric" });
const FULL = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "medium" });

export const clock = (seconds) => CLOCK.format(seconds * 1000);
export const fullTime = (seconds) => FULL.format(seconds * 1000);
export const dayKey = (seconds) => new Date(seconds * 1000).toDateString();

export function dayName(seconds) {
  const then = new Date(seconds * 1000);
  const now = new Date();
  if (then.toDateString() === now.toDateString()) return "Today";
  if (then.toDateString() === new Date(now - 86400000).toDateString()) return "Yesterday";
  return (then.getFullYear() === now.getFullYear() ? DAY : DAY_OF_YEAR).format(then);
}

export function time(seconds, words = clock(seconds)) {
  return h("time", { datetime: new Date(seconds * 1000).toISOString(), title: fullTime(seconds) }, words);
}

// "3 messages", "1 message".
export const count = (number, word) => `${number.toLocaleString()} ${word}${number === 1 ? "" : "s"}`;

export function lasting(seconds) {
  const units = [[86400, "day"], [3600, "hour"], [60, "minute"], [1, "second"]];
  const [size, word] = units.find(([unit]) => seconds >= unit) ?? units[3];
  return count(Math.max(1, Math.round(seconds / size)), word);
}

// Keeps the children of `list` in step with `items` ({key, ...}), without touching those that stay as they are.
export function reconcile(list, items, build, update = null) {
  const there = new Map([...list.children].map((node) => [node.dataset.key, node]));
  const wanted = new Set(items.map((item) => item.key));
  for (const [key, node] of there) if (!wanted.has(key)) node.remove();
  let cursor = list.firstElementChild;
  for (const item of items) {
    let node = there.get(item.key);
    if (!node) {
      node = build(item);
      node.dataset.key = item.key;
    }
    update?.(node, item);
    if (node === cursor) cursor = cursor.nextElementSibling;
    else list.insertBefore(node, cursor);
  }
}

// Up and Down, Home and End go through a list of buttons.
export function arrows(list, selector) {
  list.addEventListener("keydown", (event) => {
    const stops = [...list.querySelectorAll(selector)];
    const at = stops.indexOf(document.activeElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: stops.length - 1 }[event.key];
    if (to === undefined || stops.length === 0) return;
    event.preventDefault();
    stops[(to + stops.length) % stops.length].focus();
  });
}
