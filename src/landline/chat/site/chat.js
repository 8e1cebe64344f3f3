// The page as a whole: what is heard, what is drawn, and what is remembered.

import { Actions } from "./actions.js";
import { Composer } from "./composer.js";
import { byId, count, h } from "./dom.js";
import { toast } from "./dialogs.js";
import { keep, recall } from "./keep.js";
import { Link } from "./link.js";
import { LogView } from "./log.js";
import { Model, listed } from "./model.js";
import { Panes } from "./panes.js";
import { changeInWords, until } from "./words.js";

const TAIL = 50;
const PAGE = 50;

class Chat {
  constructor() {
    this.model = new Model((what, room, detail) => this.reported(what, room, detail));
    this.active = null;
    this.isDrawn = true;
    this.isBulk = false;
    this.state = "trying";
    this.isBack = false;
    this.missed = null;
    this.farewell = null;
    this.names = recall("rooms", null);
    this.reads = recall("reads", { epoch: null, seqs: {} });
    this.actions = new Actions(this);
    this.log = new LogView(this.model, {
      older: (room) => this.older(room),
      between: (room, gap) => this.between(room, gap),
      person: (message, button) => this.actions.personMenu({ id: message.sender, nick: message.nick, bot: message.bot }, button),
      retry: (one) => this.post(one.room, one),
      drop: (one) => { one.room.pending = one.room.pending.filter((other) => other !== one); this.draw(); },
      seen: () => this.seen(),
    });
    this.panes = new Panes(this.model, {
      go: (room) => { this.go(room); this.panes.close(false); this.composer.focus(); },
      person: (person, button) => this.actions.personMenu(person, button),
      me: (button) => this.actions.meMenu(button),
    });
    this.composer = new Composer({
      send: (text) => this.actions.typed(text),
      types: () => this.active && this.link.send({ op: "typing", room: this.active.name }),
      names: () => this.completions(),
      scroll: (pages) => this.log.box.scrollBy({ top: pages * this.log.box.clientHeight }),
      newest: () => this.log.toNewest(),
    });
    this.listen();
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    this.link = new Link(`${scheme}://${location.host}/chat`, (notice) => this.hear(notice), (state, delay) => this.linked(state, delay));
    this.link.open();
  }

  listen() {
    byId("add-room").addEventListener("click", () => this.actions.rooms());
    byId("add-direct").addEventListener("click", () => this.actions.people());
    byId("open-search").addEventListener("click", () => this.actions.search());
    byId("open-more").addEventListener("click", (event) => this.actions.roomMenu(event.currentTarget));
    for (const name of ["focus", "visibilitychange"]) window.addEventListener(name, () => this.seen());
    window.addEventListener("hashchange", () => this.fromHash());
    document.addEventListener("keydown", (event) => {
      if (!event.altKey || event.ctrlKey || event.metaKey || (event.key !== "ArrowUp" && event.key !== "ArrowDown")) return;
      event.preventDefault();
      this.step(event.key === "ArrowDown" ? 1 : -1);
    });
    // Who types a letter beside the box means the box.
    document.addEventListener("keydown", (event) => {
      const isBare = !event.altKey && !event.ctrlKey && !event.metaKey && event.key.length === 1 && event.key !== " ";
      const at = document.activeElement;
      if (isBare && (at === document.body || at === this.log.box) && !document.querySelector("dialog[open]")) this.composer.focus();
    });
    setInterval(() => this.drawTyping(), 1000);
  }

  // The connection.

  linked(state, delay) {
    this.state = state;
    if (state === "open") this.hello();
    if (state === "waiting") {
      this.isBack = this.model.me.id !== "";
      const words = this.isBack ? "Connection lost, trying again…" : "The chat cannot be reached. Trying again…";
      this.banner(this.farewell ?? words, "warning", delay > 3 ? ["Try now", () => this.link.hurry()] : null);
    }
    if (state === "ended") this.banner(this.farewell ?? "You have left the chat.", "", ["Connect again", () => { this.farewell = null; this.link.open(); }]);
    this.draw();
  }

  async hello() {
    const token = recall("token");
    const nick = recall("nick");
    // Names of the form guest-… are given, not asked for.
    const own = nick && !nick.toLowerCase().startsWith("guest-") ? { nick } : {};
    let welcome = await this.link.ask({ op: "hello", ...(token ? { token } : {}), ...own });
    // A token may be of another server or be worth nothing any more, a nick may be taken: then one is a new guest.
    if (welcome.type === "error" && welcome.code !== "offline" && (token || nick)) {
      toast(welcome.text, "error");
      welcome = await this.link.ask({ op: "hello" });
    }
    if (welcome.type === "welcome") await this.enter(welcome);
    else if (welcome.code !== "offline") this.banner(welcome.text, "warning");
  }

  async enter(welcome) {
    this.link.settled();
    this.farewell = null;
    const rooms = [...this.model.rooms.values()];
    if (rooms.every((room) => room.isDirect)) {
      const names = this.names?.length ? this.names : welcome.rooms?.length ? welcome.rooms : ["lobby"];
      for (const name of names) this.model.ensure(name).isJoined = true;
    }
    this.missed = { rooms: 0, messages: 0, failed: 0 };
    const answers = await Promise.all([...this.model.rooms.values()].filter((room) => room.isJoined).map((room) => this.reenter(room)));
    if (!this.active) {
      this.first();
      if (welcome.motd) toast(`Message of the day: ${welcome.motd}`);
    }
    if (answers.some((answer) => answer?.code === "offline")) return;
    this.tellBack();
    for (const room of this.model.rooms.values()) for (const one of room.pending) if (one.state !== "failed") this.post(room, one);
    this.draw(true);
  }

  // Into a room again, behind what is known of it.
  async reenter(room) {
    if (room.epoch !== null && (!room.isDirect || room.order.length)) {
      room.asked = room.known;
      return this.link.ask({ op: "resume", room: room.name, epoch: room.epoch, seq: room.known });
    }
    if (room.isDirect) return null;
    const answer = await this.link.ask({ op: "join", room: room.name, tail: TAIL });
    if (answer.type === "error" && answer.code !== "offline") {
      room.isJoined = false;
      room.note(answer.text, "warning");
    }
    return answer;
  }

  tellBack() {
    if (!this.isBack) {
      this.banner("");
      return;
    }
    this.isBack = false;
    const { messages, failed } = this.missed;
    const words = messages === 1 ? "Back: 1 message you missed is here." : messages ? `Back: ${count(messages, "message")} you missed are here.` : "Back: nothing was missed.";
    if (!failed) this.banner(words, "good");
    setTimeout(() => byId("banner").textContent === words && this.banner(""), 8000);
  }

  hear(notice) {
    this.model.apply(notice);
    if (notice.type === "error" && notice.cid) this.refused(notice);
    if (notice.type !== "pong") this.draw(notice.type === "page" || notice.type === "joined");
  }

  reported(what, room, detail) {
    this[`report_${what}`]?.(room, detail);
  }

  report_identity(room, notice) {
    keep("token", notice.token);
    keep("nick", notice.nick);
    if (notice.epoch && this.reads.epoch !== notice.epoch) this.reads = { epoch: notice.epoch, seqs: {} };
    for (const one of this.model.rooms.values()) this.recallRead(one);
  }

  report_renamed(room, notice) {
    if (notice.id === this.model.me.id) keep("nick", notice.nick);
  }

  report_joined(room) {
    this.recallRead(room);
    this.rememberRooms();
    if (room.order.length === 0 && room.head > 0 && room === this.active) this.older(room);
  }

  report_recovered(room, missed) {
    if (this.missed) this.missed.messages += missed;
    if (missed && room.marker === null) room.marker = room.read;
  }

  report_reset(room, why) {
    if (this.missed) this.missed.failed += 1;
    this.banner(`Could not fill the gap in ${room.title}: ${why}; scroll up for what there is.`, "warning", ["OK", () => this.banner("")]);
    room.read = null;
    this.recallRead(room);
    if (room.head > 0) this.older(room);
  }

  report_left(room, notice) {
    if (!notice.by && notice.reason) room.note(`You are not in ${room.title} just now: ${notice.reason}.`, "warning");
    else if (notice.by) {
      const back = notice.banned_until === undefined ? "" : ` You cannot come back ${notice.banned_until ? `before the ban ends (${until(notice.banned_until)})` : "until the ban is lifted"}.`;
      room.note(`${notice.by} put you out of ${room.name}${notice.reason ? `: ${notice.reason}` : "."}${back}`, "warning");
    } else {
      this.model.rooms.delete(room.name);
      if (room === this.active) this.first();
    }
    this.rememberRooms();
  }

  report_message(room, message) {
    if (room.read === null) room.read = message.seq - 1;
    if (message.sender === this.model.me.id) room.read = Math.max(room.read, room.known);
    else if (room === this.active) this.seen();
    if (room === this.active && message.sender === this.model.me.id) this.log.isStuck = true;
  }

  // A live message far behind the newest one that is here: what is between is asked for at once.
  report_hole(room, after) {
    this.fetch(room, { after, limit: 200 });
  }

  report_moved(room, from) {
    if (this.active === from) this.go(room);
  }

  report_changed(room, notice) {
    const words = changeInWords(notice, this.model.me);
    if (room) room.note(words);
    else toast(words);
  }

  report_notice(room, notice) {
    this.active?.note(notice.text, "warning");
    toast(notice.text);
  }

  report_lagged() {
    this.farewell = "This page read too slowly and was cut off. Connecting again…";
  }

  report_bye(room, notice) {
    this.farewell = notice.text;
    if (notice.code === "restart") {
      this.link.hint = (notice.retry_seconds ?? 1) * 1000;
      this.farewell = "The server restarts. Connection lost, trying again…";
    } else if (!["idle", "too_long"].includes(notice.code)) this.link.isWanted = false;
  }

  // Messages.

  say(room, body) {
    const bytes = crypto.getRandomValues(new Uint8Array(12));
    const cid = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    const one = { cid, room, body, peer: room.peer, state: "sending", text: "", tries: 0 };
    room.pending.push(one);
    this.log.isStuck = true;
    room.marker = null;
    this.post(room, one);
  }

  post(room, one) {
    one.state = "sending";
    one.text = this.link.isOpen ? "" : "Waiting for the connection…";
    const { cid, body } = one;
    this.link.send(one.peer ? { op: "msg", to: one.peer.id ?? one.peer.nick, body, cid } : { op: "say", room: room.name, body, cid });
    this.draw();
  }

  // A message was not taken: later again if that may help, with the same cid; otherwise the person decides.
  refused(notice) {
    for (const room of this.model.rooms.values()) {
      const one = room.pending.find((other) => other.cid === notice.cid);
      if (!one) continue;
      one.tries += 1;
      const wait = notice.code === "unsure" ? Math.min(10, one.tries) : notice.wait;
      if (wait !== undefined && wait <= 15 && one.tries < 20) {
        one.text = notice.code === "unsure" ? "Not sure yet that it was stored…" : `${notice.text} It is sent again by itself.`;
        setTimeout(() => room.pending.includes(one) && one.state === "sending" && this.link.isOpen && this.post(room, one), wait * 1000 + 50);
      } else {
        one.state = "failed";
        one.text = notice.text;
      }
    }
  }

  async fetch(room, which) {
    const answer = await this.link.ask({ op: "history", room: room.name, ...which });
    if (answer.type === "error" && answer.code !== "offline") room.note(answer.text, "warning");
    return answer;
  }

  async older(room) {
    if (room.isLoading) return;
    room.isLoading = true;
    const before = room.low || null;
    const answer = await this.fetch(room, { limit: PAGE, ...(before ? { before } : {}) });
    if (answer.type === "page" && !answer.more) room.isAtStart = true;
    if (answer.type === "error") setTimeout(() => { room.isLoading = false; this.draw(true); }, 2000);
    else room.isLoading = false;
    this.recallRead(room);
    this.draw(true);
  }

  async between(room, { from, to }) {
    await this.fetch(room, to - from > 200 ? { before: to, limit: PAGE } : { after: from, limit: to - from - 1 });
    this.draw(true);
  }

  // Go to a message, with some of what was around it.
  async goTo(room, seq) {
    this.go(room);
    if (!room.messages.has(seq)) await this.fetch(room, { before: seq + 15, limit: 40 });
    this.log.isStuck = false;
    this.log.draw(true);
    if (!this.log.reveal(seq)) toast(`Message ${seq} of ${room.title} cannot be read.`, "error");
  }

  // Rooms.

  first() {
    const wanted = decodeURIComponent(location.hash.slice(1)) || recall("active");
    const rooms = [...this.model.rooms.values()];
    const room = this.model.rooms.get(wanted) ?? rooms.find((one) => !one.isDirect) ?? rooms[0];
    if (room) this.go(room);
    else this.active = null;
    this.draw();
  }

  fromHash() {
    const room = this.model.rooms.get(decodeURIComponent(location.hash.slice(1)));
    if (room && room !== this.active) this.go(room);
  }

  go(room) {
    if (room === this.active) return;
    if (this.active) {
      this.active.draft = this.composer.text;
      this.active.marker = null;
    }
    this.active = room;
    room.marker = this.model.unread(room).count ? room.read : null;
    keep("active", room.name);
    history.replaceState(null, "", `#${encodeURIComponent(room.name)}`);
    this.log.show(room);
    this.composer.text = room.draft;
    if (room.order.length === 0 && room.head > 0) this.older(room);
    this.seen();
    this.drawNow();
  }

  step(by) {
    const buttons = [...document.querySelectorAll(".room-row")];
    const at = buttons.findIndex((button) => button.hasAttribute("aria-current"));
    buttons[(at + by + buttons.length) % buttons.length]?.click();
  }

  rememberRooms() {
    this.names = [...this.model.rooms.values()].filter((room) => room.isJoined && !room.isDirect).map((room) => room.name);
    keep("rooms", this.names);
  }

  recallRead(room) {
    if (room.read !== null || (room.head === 0 && room.order.length === 0 && room.epoch === null)) return;
    room.read = Math.min(this.reads.seqs[room.name] ?? room.known, room.known);
  }

  // What is on the screen while somebody looks, has been read.
  seen() {
    const room = this.active;
    if (!room || document.hidden || !document.hasFocus() || !this.log.isStuck) {
      if (room && room.marker === null && (document.hidden || !document.hasFocus())) room.marker = room.read;
      return;
    }
    if (room.read !== null && room.read >= room.known) return;
    room.read = room.known;
    this.reads.seqs[room.name] = room.read;
    keep("reads", this.reads);
    this.draw();
  }

  completions() {
    const inRoom = this.active ? [...this.active.members.values(), ...(this.active.peer ? [this.active.peer] : [])] : [];
    const nicks = [...new Set([...inRoom, ...this.model.people()].filter((person) => person.id !== this.model.me.id).map((person) => person.nick))];
    return { nicks, rooms: [...this.model.rooms.values()].filter((room) => !room.isDirect).map((room) => room.name) };
  }

  // Drawing: once a frame, however much was heard; a page in the background has no frames.

  draw(isBulk = false) {
    this.isBulk ||= isBulk;
    if (!this.isDrawn) return;
    this.isDrawn = false;
    if (document.hidden) setTimeout(() => this.drawNow(), 200);
    else requestAnimationFrame(() => this.drawNow());
  }

  drawNow() {
    this.isDrawn = true;
    const room = this.active;
    if (room) this.log.draw(this.isBulk);
    this.isBulk = false;
    this.panes.drawRooms(room);
    this.panes.drawMembers(room);
    this.panes.drawMe(this.stateInWords());
    this.drawHead(room);
    this.drawTyping();
    const unread = [...this.model.rooms.values()].reduce((sum, one) => sum + this.model.unread(one).count, 0);
    document.title = `${unread ? `(${unread > 99 ? "99+" : unread}) ` : ""}${room ? `${room.title} · ` : ""}Landline`;
  }

  stateInWords() {
    if (this.state !== "open") return this.state === "ended" ? "Not connected" : "Connecting…";
    const { me } = this.model;
    return me.isOperator ? "Operator" : me.account ? "Registered" : "Guest";
  }

  drawHead(room) {
    byId("room-title").textContent = room?.title ?? "Landline";
    const parts = room ? [room.topic || (room.isDirect ? "Direct messages" : count(room.count, "member"))] : ["Join a room to begin."];
    if (room?.slow) parts.push(`slow mode: once in ${count(room.slow, "second")}`);
    const words = parts.join(" · ");
    if (byId("room-topic").textContent !== words) byId("room-topic").textContent = words;
    const isMuted = room && room.mutedUntil !== null;
    const hint = byId("hint");
    const isNameless = this.model.me.nick.startsWith("guest-") && !this.model.me.account && !recall("nameless");
    hint.hidden = !room || (room.isJoined && !isMuted && !isNameless);
    const key = `${room?.name} ${room?.isJoined} ${room?.mutedUntil} ${this.model.me.nick}`;
    if (hint.hidden || hint.dataset.key === key) return this.drawBox(room);
    hint.dataset.key = key;
    if (!room.isJoined) hint.replaceChildren(`You are not in ${room.title}. `, h("button", { type: "button", class: "quiet-button", onclick: () => this.actions.join(room.name) }, "Join again"));
    else if (isMuted) hint.replaceChildren(`You are muted in this room ${until(room.mutedUntil)}.`);
    else {
      const hide = () => { keep("nameless", true); this.draw(); this.composer.focus(); };
      hint.replaceChildren(`You are ${this.model.me.nick} here. `, h("button", { type: "button", class: "quiet-button", onclick: () => this.actions.rename() }, "Choose a name"),
        " ", h("button", { type: "button", class: "quiet-button", onclick: hide }, "Later"));
    }
    return this.drawBox(room);
  }

  drawBox(room) {
    byId("say").disabled = !room;
    byId("say").placeholder = room ? `Write ${room.isDirect ? "to" : "in"} ${room.title}` : "Join a room first";
    byId("say-label").textContent = byId("say").placeholder;
  }

  drawTyping() {
    const nicks = [];
    for (const [id, { nick, until: end }] of this.active?.typing ?? []) {
      if (end > Date.now()) nicks.push(nick);
      else this.active.typing.delete(id);
    }
    const words = nicks.length === 0 ? "" : nicks.length > 3 ? "Several people are typing…" : `${listed(nicks)} ${nicks.length === 1 ? "is" : "are"} typing…`;
    if (byId("typing").textContent !== words) byId("typing").textContent = words;
  }

  banner(text, tone = "", action = null) {
    const banner = byId("banner");
    banner.hidden = text === "";
    banner.className = `banner ${tone}`;
    banner.replaceChildren(h("span", {}, text), ...(action ? [h("button", { type: "button", class: "quiet-button", onclick: action[1] }, action[0])] : []));
  }
}

new Chat();
