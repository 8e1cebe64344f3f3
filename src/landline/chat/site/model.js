// What the page knows of the chat: rooms, messages by (room, seq), people. Notices go in; nothing here touches the page.

const MOST_KEPT = 600;
const TYPING_MS = 6000;

export class Room {
  constructor(name, peer = null) {
    this.name = name;
    this.peer = peer;
    this.isJoined = false;
    this.members = new Map();
    this.count = 0;
    this.topic = "";
    this.slow = 0;
    this.role = "";
    this.mutedUntil = null;
    this.pending = [];
    this.typing = new Map();
    this.read = null;
    this.marker = null;
    this.draft = "";
    this.place = null;
    this.reset(null);
  }

  reset(epoch) {
    this.epoch = epoch;
    this.messages = new Map();
    this.order = [];
    this.events = [];
    this.head = 0;
    this.isAtStart = false;
    this.isLoading = false;
    this.asked = null;
  }

  get isDirect() {
    return this.name.startsWith("@");
  }

  get title() {
    return this.peer ? this.peer.nick : this.name;
  }

  get low() {
    return this.order[0] ?? 0;
  }

  get high() {
    return this.order.at(-1) ?? 0;
  }

  // The newest message that is known to be: what a resume goes on behind.
  get known() {
    return Math.max(this.high, this.head);
  }

  insert(message) {
    const isNew = !this.messages.has(message.seq);
    this.meet(message);
    this.messages.set(message.seq, message);
    if (!isNew) return false;
    let at = this.order.length;
    while (at > 0 && this.order[at - 1] > message.seq) at -= 1;
    this.order.splice(at, 0, message.seq);
    this.head = Math.max(this.head, message.seq);
    return true;
  }

  // How the other one of a conversation is called, if nobody could say.
  meet(message) {
    if (!this.peer || this.peer.nick !== this.peer.id) return;
    if (message.sender === this.peer.id) this.peer = { ...this.peer, nick: message.nick };
    else if (message.to === this.peer.id && message.to_nick) this.peer = { ...this.peer, nick: message.to_nick };
  }

  // Old messages leave a page that stays open for days; scrolling up brings them again.
  trim() {
    if (this.order.length <= MOST_KEPT) return;
    for (const seq of this.order.splice(0, this.order.length - MOST_KEPT / 2)) this.messages.delete(seq);
    this.events = this.events.filter((event) => event.after >= this.low - 1);
    this.isAtStart = false;
  }

  // A line that is no message, behind the newest one.
  note(text, tone = "") {
    this.events.push({ id: ++Room.lines, after: this.high, text, tone, time: Date.now() / 1000 });
    if (this.events.length > 200) this.events.shift();
  }

  // Who comes and goes one after the other shares a line.
  notePresence(came, went) {
    const last = this.events.at(-1);
    let line = last;
    if (!last?.moves || last.after !== this.high || Date.now() / 1000 - last.time > 600) {
      line = { id: 0, after: this.high, text: "", tone: "presence", time: Date.now() / 1000, moves: new Map() };
      this.events.push(line);
    }
    line.id = ++Room.lines;
    for (const nick of came) line.moves.get(nick) === "left" ? line.moves.set(nick, "was away shortly") : line.moves.set(nick, "came");
    for (const nick of went) line.moves.set(nick, "left");
    const words = ["came", "left", "was away shortly"].map((word) => [word, [...line.moves].filter(([, move]) => move === word).map(([nick]) => nick)]);
    line.text = words.filter(([, nicks]) => nicks.length).map(([word, nicks]) => `${listed(nicks)} ${word === "was away shortly" && nicks.length > 1 ? "were away shortly" : word}`).join("; ");
  }
}
Room.lines = 0;

export function listed(names) {
  if (names.length > 6) return `${names.slice(0, 5).join(", ")} and ${names.length - 5} more`;
  return names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
}

const WHYS = {
  epoch: "the server has other messages than those that were here",
  ahead: "the server does not know the last message that was here",
  too_many: "too many messages were missed",
};

export class Model {
  // `report(what, room, detail)` hears of: message, joined, left, recovered, hole, reset, identity, notice, bye, lagged.
  constructor(report) {
    this.report = report;
    this.me = { id: "", nick: "", account: null, isOperator: false };
    this.epoch = null;
    this.rooms = new Map();
    this.passwords = false;
    this.motd = "";
  }

  ensure(name, peer = null) {
    let room = this.rooms.get(name);
    if (!room) {
      room = new Room(name, peer);
      this.rooms.set(name, room);
    }
    // A server that has not met a guest since its start knows no nick.
    if (peer && (!room.peer || peer.nick !== peer.id)) room.peer = peer;
    return room;
  }

  conversation(person) {
    const [first, second] = [this.me.id, person.id].sort();
    return this.ensure(`@${first},${second}`, person);
  }

  // Everybody the page has heard of, for names to complete.
  people() {
    const found = new Map();
    for (const room of this.rooms.values()) {
      for (const person of room.members.values()) found.set(person.id, person);
      if (room.peer) found.set(room.peer.id, room.peer);
    }
    found.delete(this.me.id);
    return [...found.values()];
  }

  isModerator(room) {
    return this.me.isOperator || room.role === "op" || room.role === "operator";
  }

  mentions(body) {
    const nick = this.me.nick.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
    return nick !== "" && new RegExp(`(^|[^\\p{L}\\p{N}_-])@?${nick}(?![\\p{L}\\p{N}_-])`, "iu").test(body);
  }

  unread(room) {
    if (room.read === null) return { count: 0, mentions: 0 };
    let count = 0;
    let mentions = 0;
    for (let at = room.order.length - 1; at >= 0 && room.order[at] > room.read; at -= 1) {
      const message = room.messages.get(room.order[at]);
      if (message.sender === this.me.id) continue;
      count += 1;
      if (room.isDirect || this.mentions(message.body)) mentions += 1;
    }
    if (room.order.length === 0) count = Math.max(0, room.head - room.read);
    return { count, mentions: room.isDirect ? count : mentions };
  }

  apply(notice) {
    this[`on_${notice.type}`]?.(notice);
  }

  identity(notice) {
    this.me = { id: notice.id, nick: notice.nick, account: notice.account ?? null, isOperator: notice.operator ?? false };
    for (const place of notice.direct ?? []) this.place(place);
    this.report("identity", null, notice);
  }

  place(place) {
    if (!place.peer) return;
    const room = this.ensure(place.room, place.peer);
    room.isJoined = true;
    room.behind = (place.seq ?? 0) > room.known && room.order.length > 0;
    if (!room.behind) room.head = Math.max(room.head, place.seq ?? 0);
  }

  on_welcome(notice) {
    this.epoch = notice.epoch;
    this.passwords = notice.passwords ?? true;
    this.motd = notice.motd ?? "";
    this.identity(notice);
  }

  on_account(notice) {
    this.identity(notice);
  }

  on_joined(notice) {
    const room = this.ensure(notice.room);
    const asked = room.asked;
    room.asked = null;
    const isOther = room.epoch !== null && room.epoch !== notice.epoch;
    if (notice.recovered === false || isOther) {
      room.reset(notice.epoch);
      room.read = null;
    }
    room.epoch = notice.epoch;
    room.head = Math.max(room.head, notice.seq);
    room.isJoined = true;
    room.members = new Map((notice.members ?? []).map((person) => [person.id, person]));
    room.count = notice.count ?? room.members.size;
    room.topic = notice.topic ?? "";
    room.slow = notice.slow ?? 0;
    room.role = notice.role ?? "";
    room.mutedUntil = notice.muted_until ?? null;
    if (notice.recovered === false) {
      const why = WHYS[notice.why] ?? notice.why ?? "the server does not say why";
      room.note(`Could not fill the gap: ${why}; scroll up for what there is.`, "warning");
      this.report("reset", room, why);
    } else if (notice.recovered === true) {
      this.report("recovered", room, asked === null ? 0 : Math.max(0, notice.seq - asked));
    }
    this.report("joined", room, notice);
  }

  on_left(notice) {
    const room = this.rooms.get(notice.room);
    if (!room) return;
    room.isJoined = false;
    room.members.clear();
    this.report("left", room, notice);
  }

  on_message(message) {
    const room = this.roomOf(message);
    const hole = room.order.length > 0 && message.seq > room.high + 1 ? room.high : null;
    const isNew = this.take(room, message);
    room.typing.delete(message.sender);
    if (hole !== null) this.report("hole", room, hole);
    if (isNew) this.report("message", room, message);
  }

  roomOf(message) {
    if (!message.to) return this.ensure(message.room);
    const isMine = message.sender === this.me.id;
    const peer = isMine
      ? { id: message.to, nick: message.to_nick ?? message.to }
      : { id: message.sender, nick: message.nick, bot: message.bot };
    const room = this.ensure(message.room, peer);
    room.isJoined = true;
    return room;
  }

  take(room, message) {
    if (room.epoch !== null && room.epoch !== message.epoch) room.reset(message.epoch);
    room.epoch = message.epoch;
    if (message.cid) room.pending = room.pending.filter((one) => one.cid !== message.cid || message.sender !== this.me.id);
    return room.insert(message);
  }

  on_page(page) {
    if (page.kind === "search") return;
    for (const message of page.messages) this.take(this.roomOf(message), message);
  }

  on_ack(ack) {
    const sent = [...this.rooms.values()].flatMap((room) => room.pending.map((one) => [room, one])).find(([, one]) => one.cid === ack.cid);
    if (!sent) return;
    const [from, one] = sent;
    from.pending = from.pending.filter((other) => other !== one);
    const room = this.ensure(ack.room, from.peer);
    if (room !== from) this.rooms.delete(from.name);
    if (!room.messages.has(ack.seq)) {
      const to = room.peer ? { to: room.peer.id, to_nick: room.peer.nick } : {};
      const { seq, epoch, id, time, cid } = ack;
      this.on_message({ type: "message", room: room.name, seq, epoch, id, time, cid, sender: this.me.id, nick: this.me.nick, body: one.body, ...to });
    }
    if (room !== from) this.report("moved", room, from);
    if (ack.cut) room.note("The message was longer than 4096 bytes, and was cut.", "warning");
  }

  on_presence(notice) {
    const room = this.rooms.get(notice.room);
    if (!room) return;
    room.count = notice.count;
    for (const person of notice.came ?? []) room.members.set(person.id, person);
    for (const person of notice.went ?? []) {
      room.members.delete(person.id);
      room.typing.delete(person.id);
    }
    const others = (people) => (people ?? []).filter((person) => person.id !== this.me.id).map((person) => person.nick);
    const [came, went] = [others(notice.came), others(notice.went)];
    if (came.length + went.length) room.notePresence(came, went);
  }

  on_renamed(notice) {
    if (notice.old_id === this.me.id) this.me = { ...this.me, id: notice.id, nick: notice.nick };
    for (const room of this.rooms.values()) {
      const person = room.members.get(notice.old_id);
      if (person) {
        room.members.delete(notice.old_id);
        room.members.set(notice.id, { ...person, id: notice.id, nick: notice.nick });
        if (notice.old_nick !== notice.nick) room.note(`${notice.old_nick} is now called ${notice.nick}.`);
      }
      if (room.peer?.id === notice.old_id && notice.id === notice.old_id) room.peer = { ...room.peer, nick: notice.nick };
    }
    this.report("renamed", null, notice);
  }

  on_typing(notice) {
    if (notice.id === this.me.id) return;
    this.rooms.get(notice.room)?.typing.set(notice.id, { nick: notice.nick, until: Date.now() + TYPING_MS });
  }

  on_members(notice) {
    const room = notice.room && this.rooms.get(notice.room);
    if (!room) return;
    room.members = new Map(notice.members.map((person) => [person.id, person]));
    room.count = notice.count;
  }

  on_changed(notice) {
    const room = notice.room ? this.rooms.get(notice.room) : null;
    if (notice.what === "motd") this.motd = String(notice.value ?? "");
    if (room) this.change(room, notice);
    this.report("changed", room, notice);
  }

  change(room, notice) {
    const isMe = notice.id === this.me.id || (!notice.id && notice.nick === this.me.nick);
    if (notice.what === "topic") room.topic = String(notice.value ?? "");
    if (notice.what === "slow") room.slow = Number(notice.value || 0);
    if (notice.what === "op" || notice.what === "deop") {
      const role = notice.what === "op" ? "op" : "";
      const person = room.members.get(notice.id) ?? [...room.members.values()].find((one) => one.nick === notice.nick);
      if (person) room.members.set(person.id, { ...person, role });
      if (isMe) room.role = role;
    }
    if (isMe && notice.what === "mute") room.mutedUntil = notice.until ?? 0;
    if (isMe && notice.what === "unmute") room.mutedUntil = null;
  }

  on_notice(notice) {
    this.report("notice", null, notice);
  }

  on_lagged(notice) {
    this.report("lagged", null, notice);
  }

  on_bye(notice) {
    this.report("bye", null, notice);
  }
}
