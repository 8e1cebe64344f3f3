// Dialogs: native ones, which hold the focus, close with Escape and give the focus back.

import { avatar, byId, clock, count, dayName, h, icon, linked, time } from "./dom.js";

let fields = 0;

// A field with its label. `kind`: an input's type, "select" with [value, words] pairs, or "area".
export function field(label, name, kind = "text", options = {}) {
  const id = `field-${++fields}`;
  const { choices, help, ...rest } = options;
  const attributes = { id, name, ...rest, ...(help ? { "aria-describedby": `${id}-help` } : {}) };
  let control;
  if (kind === "select") control = h("select", attributes, choices.map(([value, words]) => h("option", { value }, words)));
  else if (kind === "area") control = h("textarea", { rows: "4", ...attributes });
  else control = h("input", { type: kind, ...attributes });
  return h("div", { class: "field" }, h("label", { for: id }, label), control, help ? h("p", { class: "faint", id: `${id}-help` }, help) : null);
}

export function closeDialogs() {
  for (const dialog of document.querySelectorAll("dialog[open]")) dialog.close();
}

// A dialog with a title and a body; returns the element.
export function openDialog(title, ...body) {
  const id = `dialog-${++fields}`;
  const shut = h("button", { type: "button", class: "icon-button", "aria-label": "Close", onclick: () => dialog.close() }, icon("close"));
  const dialog = h("dialog", { "aria-labelledby": id }, h("div", { class: "dialog-head" }, h("h2", { id }, title), shut), ...body);
  dialog.addEventListener("close", () => dialog.remove());
  dialog.addEventListener("pointerdown", (event) => event.target === dialog && dialog.close());
  document.body.append(dialog);
  dialog.showModal();
  const first = dialog.querySelector("input, select, textarea, form button");
  first?.focus();
  // Who types takes the place of the name that stands there, and does not write before it.
  if (first?.type === "text") first.select();
  return dialog;
}

// A form. `act(values)` returns the answer of the server; an error is shown in words and the form stays.
export function openForm(title, { intro, controls, action, isDanger, act, more = [] }) {
  const problem = h("p", { class: "problem", role: "alert" });
  const go = h("button", { type: "submit", class: isDanger ? "button danger" : "button" }, action);
  const cancel = h("button", { type: "button", class: "button quiet", onclick: () => dialog.close() }, "Cancel");
  const form = h("form", {}, intro ? h("p", { class: "faint" }, intro) : null, ...controls, problem, h("div", { class: "buttons" }, cancel, go), ...more);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    go.disabled = true;
    const answer = await act(Object.fromEntries(new FormData(form)));
    go.disabled = false;
    if (answer?.type === "error") problem.textContent = answer.text;
    else dialog.close();
  });
  const dialog = openDialog(title, form);
  return dialog;
}

const SPANS = [["600", "10 minutes"], ["3600", "1 hour"], ["86400", "1 day"], ["604800", "1 week"], ["", "For good"]];

export function sanctionForm(what, nick, room, act) {
  const verb = { kick: "Put out", ban: "Ban", mute: "Mute" }[what];
  const intro = {
    kick: `${nick} leaves ${room}, and may come back.`,
    ban: `${nick} leaves ${room} and cannot come back before the time is over.`,
    mute: `${nick} can read in ${room}, and not speak.`,
  }[what];
  const controls = [field("Reason (everybody sees it)", "reason", "text", { maxlength: "200", autocomplete: "off" })];
  if (what !== "kick") controls.unshift(field("For how long", "seconds", "select", { choices: SPANS }));
  openForm(`${verb} ${nick}`, {
    intro, controls, action: verb, isDanger: true,
    act: ({ seconds, reason }) => act({ op: what, reason, ...(seconds ? { seconds: Number(seconds) } : {}) }),
  });
}

export function accountForm(kind, model, ask, nick = "") {
  const isNew = kind === "register";
  const name = field("Name", "nick", "text", { autocomplete: "username", required: true, value: nick, maxlength: "32" });
  const password = field("Password", "password", "password", {
    required: true, autocomplete: isNew ? "new-password" : "current-password", ...(isNew ? { minlength: "8", help: "At least 8 characters." } : {}),
  });
  openForm(isNew ? `Keep the name ${model.me.nick}` : "Log in", {
    intro: isNew ? "With a password the name is yours alone, here and wherever you log in." : null,
    controls: isNew ? [password] : [name, password],
    action: isNew ? "Register" : "Log in",
    act: (values) => ask(isNew ? { op: "register", password: values.password } : { op: "login", ...values }),
  });
}

export function passwordForm(ask) {
  openForm("Change the password", {
    controls: [
      field("Password so far", "old", "password", { required: true, autocomplete: "current-password" }),
      field("New password", "new", "password", { required: true, minlength: "8", autocomplete: "new-password", help: "At least 8 characters. Other devices have to log in again." }),
    ],
    action: "Change",
    act: (values) => ask({ op: "password", ...values }),
  });
}

// Rooms there are, to enter one or open another.
export async function roomsDialog(model, ask, join) {
  const list = h("ul", { class: "rows" });
  const state = h("p", { class: "faint" }, "Asking for the rooms…");
  const dialog = openForm("Join a room", {
    controls: [field("Name of the room", "room", "text", { autocomplete: "off", maxlength: "33", required: true, help: "A room that is not there yet is opened." })],
    action: "Join",
    act: ({ room }) => join(room.trim().replace(/^#/, "")),
    more: [h("h3", {}, "Rooms there are"), state, list],
  });
  const answer = await ask({ op: "rooms" });
  if (answer.type === "error") {
    state.textContent = answer.text;
    return;
  }
  const rooms = [...answer.rooms].sort((one, other) => (other.members ?? 0) - (one.members ?? 0));
  state.textContent = rooms.length ? "" : "There is none yet.";
  for (const place of rooms) {
    const go = async () => { const said = await join(place.room); if (said?.type !== "error") dialog.close(); else state.textContent = said.text; };
    list.append(h("li", {}, h("button", { type: "button", class: "row", onclick: go }, h("span", { class: "row-name" }, place.room),
      h("span", { class: "faint" }, `${count(place.members ?? 0, "member")}${place.topic ? ` · ${place.topic}` : ""}`))));
  }
}

export async function peopleDialog(model, ask, write) {
  const list = h("ul", { class: "rows" });
  const state = h("p", { class: "faint" }, "Asking who is here…");
  const dialog = openForm("Write to somebody", {
    controls: [field("Name", "nick", "text", { autocomplete: "off", maxlength: "32", required: true })],
    action: "Write",
    act: ({ nick }) => write(nick.trim()),
    more: [h("h3", {}, "Who is here"), state, list],
  });
  const answer = await ask({ op: "who" });
  if (answer.type === "error") {
    state.textContent = answer.text;
    return;
  }
  const others = answer.members.filter((person) => person.id !== model.me.id);
  state.textContent = others.length ? "" : "Nobody else just now.";
  for (const person of others) {
    list.append(h("li", {}, h("button", { type: "button", class: "row", onclick: () => { dialog.close(); write(person.nick, person); } },
      avatar(person.id, person.nick, "small"), h("span", { class: "row-name" }, person.nick), person.bot ? h("span", { class: "badge" }, "bot") : null)));
  }
}

export function searchDialog(model, room, ask, reveal, query = "") {
  const problem = h("p", { class: "faint", role: "status" });
  const list = h("ul", { class: "rows found-rows" });
  const more = h("button", { type: "button", class: "quiet-button", hidden: true }, "Older ones");
  const where = [["", "Everywhere"], ...(room ? [[room.name, `Only ${room.isDirect ? "with" : "in"} ${room.title}`]] : [])];
  const form = h("form", { class: "search-form", role: "search" },
    field("Words", "query", "search", { autocomplete: "off", maxlength: "200", required: true, value: query }),
    field("Where", "room", "select", { choices: where }), h("button", { type: "submit", class: "button" }, "Search"));
  const run = async (before) => {
    const values = Object.fromEntries(new FormData(form));
    if (!values.query.trim()) return;
    if (!before) list.replaceChildren();
    problem.textContent = "Searching…";
    const answer = await ask({ op: "search", query: values.query, limit: 30, ...(values.room ? { room: values.room } : {}), ...(before ? { before } : {}) });
    if (answer.type === "error") {
      problem.textContent = answer.text;
      return;
    }
    for (const message of answer.messages) list.append(h("li", {}, foundRow(message, model, () => { dialog.close(); reveal(message); })));
    problem.textContent = list.children.length ? `${count(list.children.length, "message")}, the newest first.` : "Nothing was found.";
    more.hidden = !answer.more;
    more.onclick = () => run(answer.cursor);
  };
  form.addEventListener("submit", (event) => { event.preventDefault(); run(); });
  const dialog = openDialog("Search messages", form, problem, list, more);
  dialog.classList.add("wide");
  if (query) run();
}

function foundRow(message, model, go) {
  const peer = message.sender === model.me.id ? message.to_nick : message.nick;
  const where = message.to ? `with ${peer}` : message.room;
  return h("button", { type: "button", class: "row found-row", onclick: go },
    h("span", { class: "row-name" }, message.nick), h("span", { class: "faint" }, `${where} · `, time(message.time, `${dayName(message.time)}, ${clock(message.time)}`)),
    h("span", { class: "found-body", dir: "auto" }, message.body));
}

// Rows of words with one button each: who is banned, what was done.
export function listDialog(title, rows, empty) {
  const list = h("ul", { class: "rows" }, rows.map(({ words, note, action, run }) => {
    const row = h("li", { class: "plain-row" }, h("span", {}, h("span", { class: "row-name" }, words), h("span", { class: "faint block" }, note)));
    if (action) row.append(h("button", { type: "button", class: "button quiet", onclick: async () => { if ((await run())?.type !== "error") row.remove(); } }, action));
    return row;
  }));
  openDialog(title, rows.length ? list : h("p", { class: "faint" }, empty));
}

export function textDialog(title, ...lines) {
  openDialog(title, ...lines.map((line) => (typeof line === "string" ? h("p", {}, ...linked(line)) : line)));
}

export function toast(text, tone = "") {
  const node = h("p", { class: `toast ${tone}` }, text);
  byId("toasts").append(node);
  setTimeout(() => node.remove(), tone === "error" ? 9000 : 5000);
}
