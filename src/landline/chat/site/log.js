// The messages of one room: drawn in step with the model, and still where one reads when more come above or below.

import { avatar, byId, clock, count, dayKey, dayName, fullTime, h, icon, linked, reconcile, time } from "./dom.js";

const TOGETHER_SECONDS = 300;
const NEAR = 48;
const LOAD_WITHIN = 600;

// Keys name all that a node shows, so a node never has to be changed.
function itemsOf(room, model) {
  const items = [];
  const events = [...room.events];
  let before = null;
  let hasMarker = false;
  const day = (seconds) => {
    const key = dayKey(seconds);
    if (before?.day !== key) items.push({ kind: "day", key: `day ${key}`, seconds });
    return key;
  };
  const eventsUpTo = (seq) => {
    while (events.length && events[0].after < seq) {
      const event = events.shift();
      items.push({ kind: "event", key: `event ${event.id}`, event });
      before = before && { ...before, sender: null };
    }
  };
  items.push(startOf(room));
  for (const seq of room.order) {
    const message = room.messages.get(seq);
    eventsUpTo(seq);
    if (before?.seq && seq > before.seq + 1) {
      items.push({ kind: "gap", key: `gap ${before.seq} ${seq}`, from: before.seq, to: seq });
      before = null;
    }
    if (!hasMarker && room.marker !== null && seq > room.marker && message.sender !== model.me.id) {
      hasMarker = true;
      if (room.order[0] <= room.marker) {
        items.push({ kind: "new", key: `new ${room.marker}` });
        before = before && { ...before, sender: null };
      }
    }
    const today = day(message.time);
    const isFirst = before?.sender !== message.sender || before.nick !== message.nick || before.day !== today
      || message.time - before.time > TOGETHER_SECONDS;
    const isMention = message.sender !== model.me.id && !room.isDirect && model.mentions(message.body);
    items.push({ kind: "message", key: `${message.id} ${seq} ${isFirst} ${isMention}`, message, isFirst, isMention });
    before = { seq, sender: message.sender, nick: message.nick, time: message.time, day: today };
  }
  eventsUpTo(Infinity);
  for (const one of room.pending) {
    items.push({ kind: "pending", key: `cid ${one.cid} ${one.state} ${one.text}`, one });
  }
  return items;
}

function startOf(room) {
  const state = room.isLoading ? "loading" : room.isAtStart || room.low === 1 || room.head === 0 ? "start" : "more";
  return { kind: "start", key: `start ${state}`, state, room };
}

export class LogView {
  // `needs`: {older(room), between(room, gap), person(message, button), retry(one), drop(one), seen()}.
  constructor(model, needs) {
    this.model = model;
    this.needs = needs;
    this.room = null;
    this.isStuck = true;
    this.box = byId("log");
    this.jump = byId("jump");
    this.builders = {
      start: (item) => this.buildStart(item),
      day: (item) => h("div", { class: "day", role: "separator" }, h("span", {}, dayName(item.seconds))),
      new: () => h("div", { class: "new-line", role: "separator" }, h("span", {}, "New messages")),
      gap: (item) => this.buildGap(item),
      event: (item) => h("p", { class: `event ${item.event.tone}` }, ...linked(item.event.text)),
      message: (item) => this.buildMessage(item),
      pending: (item) => this.buildPending(item),
    };
    this.box.addEventListener("scroll", () => this.scrolled(), { passive: true });
    new ResizeObserver(() => this.isStuck && this.toBottom()).observe(this.box);
    this.jump.addEventListener("click", () => this.toNewest());
  }

  show(room) {
    if (this.room) this.room.place = this.isStuck ? null : this.anchor();
    this.room = room;
    this.box.replaceChildren();
    this.isStuck = room.place === null;
    this.box.setAttribute("aria-label", `Messages ${room.isDirect ? "with" : "in"} ${room.title}`);
    this.draw(true);
    if (room.place) this.restore(room.place);
  }

  // `isBulk`: many lines at once, which a screen reader is not to read out.
  draw(isBulk = false) {
    if (!this.room) return;
    if (this.isStuck) this.room.trim();
    const place = this.isStuck ? null : this.anchor();
    if (isBulk) this.box.setAttribute("aria-live", "off");
    reconcile(this.box, itemsOf(this.room, this.model), (item) => this.builders[item.kind](item));
    if (isBulk) setTimeout(() => this.box.setAttribute("aria-live", "polite"), 50);
    if (this.isStuck) this.toBottom();
    else if (place) this.restore(place);
    this.drawJump();
    this.maybeLoad();
  }

  drawJump() {
    const { count: unread } = this.model.unread(this.room);
    this.jump.hidden = this.isStuck;
    const words = unread ? `${count(unread, "new message")}` : "To the newest";
    if (this.jump.dataset.words !== words) {
      this.jump.dataset.words = words;
      this.jump.replaceChildren(icon("down"), words);
    }
  }

  anchor() {
    const top = this.box.getBoundingClientRect().top;
    for (const node of this.box.children) {
      const box = node.getBoundingClientRect();
      if (node.dataset.seq && box.bottom > top) return { seq: node.dataset.seq, offset: box.top - top };
    }
    return null;
  }

  restore(place) {
    const node = this.nodeOf(place.seq);
    if (!node) return;
    const top = this.box.getBoundingClientRect().top;
    this.box.scrollTop += node.getBoundingClientRect().top - top - place.offset;
  }

  nodeOf(seq) {
    return this.box.querySelector(`[data-seq="${Number(seq)}"]`);
  }

  toBottom() {
    this.box.scrollTop = this.box.scrollHeight;
  }

  toNewest() {
    this.isStuck = true;
    this.toBottom();
    this.needs.seen();
    this.drawJump();
  }

  scrolled() {
    if (!this.room) return;
    const isStuck = this.box.scrollHeight - this.box.scrollTop - this.box.clientHeight < NEAR;
    if (isStuck && !this.isStuck) this.needs.seen();
    this.isStuck = isStuck;
    this.drawJump();
    this.maybeLoad();
  }

  maybeLoad() {
    const room = this.room;
    const isShort = this.box.scrollHeight <= this.box.clientHeight;
    if (room.isLoading || (!isShort && this.box.scrollTop > LOAD_WITHIN)) return;
    if (room.isAtStart || room.low === 1 || room.head === 0) return;
    this.needs.older(room);
  }

  // Bring a message into view and point it out.
  reveal(seq) {
    const node = this.nodeOf(seq);
    if (!node) return false;
    this.isStuck = false;
    node.scrollIntoView({ block: "center" });
    node.classList.add("found");
    node.tabIndex = -1;
    node.focus({ preventScroll: true });
    setTimeout(() => node.classList.remove("found"), 2500);
    return true;
  }

  buildStart(item) {
    if (item.state === "loading") return h("p", { class: "start faint" }, "Loading earlier messages…");
    if (item.state === "more") return h("p", { class: "start faint" }, "Scroll up for earlier messages");
    const { room } = item;
    const title = room.isDirect ? `Your conversation with ${room.title}` : `This is where ${room.title} begins`;
    const text = room.isDirect ? "Only the two of you see this." : "Say something: everybody in the room sees it.";
    return h("div", { class: "start" }, h("p", { class: "start-title" }, title), h("p", { class: "faint" }, text));
  }

  buildGap({ from, to }) {
    const missing = to - from - 1;
    const button = h("button", { type: "button", class: "quiet-button", onclick: () => this.needs.between(this.room, { from, to }) },
      `Load ${count(missing, "message")} in between`);
    return h("div", { class: "gap" }, button);
  }

  buildMessage({ message, isFirst, isMention }) {
    const isMine = message.sender === this.model.me.id;
    const words = ["message", isFirst ? "first" : "", isMine ? "mine" : "", isMention ? "mention" : ""];
    const body = h("p", { class: "body", dir: "auto" }, ...linked(message.body));
    const node = h("article", { class: words.join(" ").trim(), "data-seq": message.seq });
    if (!isFirst) {
      const unseen = h("span", { class: "unseen" }, `${message.nick}, ${clock(message.time)}: `);
      node.append(h("span", { class: "gutter", "aria-hidden": "true", title: fullTime(message.time) }, clock(message.time)), h("div", { class: "content" }, unseen, body));
      return node;
    }
    const nick = h("button", { type: "button", class: "nick", dir: "auto", "aria-haspopup": "menu", onclick: (event) => this.needs.person(message, event.currentTarget) }, message.nick);
    const badge = message.bot ? h("span", { class: "badge" }, "bot") : null;
    node.append(avatar(message.sender, message.nick), h("div", { class: "content" }, h("div", { class: "by" }, nick, badge, time(message.time)), body));
    return node;
  }

  buildPending({ one }) {
    const body = h("p", { class: "body", dir: "auto" }, one.body);
    const state = h("span", { class: "state" }, one.text || "Sending…");
    const again = one.state === "failed"
      ? [h("button", { type: "button", class: "quiet-button", onclick: () => this.needs.retry(one) }, "Try again"),
         h("button", { type: "button", class: "quiet-button", onclick: () => this.needs.drop(one) }, "Remove")]
      : [];
    const { me } = this.model;
    return h("article", { class: `message first mine pending ${one.state}` }, avatar(me.id, me.nick),
      h("div", { class: "content" }, h("div", { class: "by" }, h("span", { class: "nick" }, me.nick), state, ...again), body));
  }
}
