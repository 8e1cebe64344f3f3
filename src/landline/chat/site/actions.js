// What a person can do: by a command, a button, or a menu; all three end here.

import { accountForm, field, listDialog, openForm, passwordForm, peopleDialog, roomsDialog, sanctionForm, searchDialog, textDialog, toast } from "./dialogs.js";
import { COMMANDS, run } from "./commands.js";
import { clock, dayName, h } from "./dom.js";
import { keepTheme } from "./keep.js";
import { openMenu } from "./menu.js";
import { until } from "./words.js";

export class Actions {
  constructor(chat) {
    this.chat = chat;
    this.model = chat.model;
  }

  ask = (request) => this.chat.link.ask(request);

  // What was typed: a command, or words; two slashes are one of the words.
  typed(text) {
    if (text.startsWith("/") && !text.startsWith("//")) run(this, text);
    else if (this.chat.active) this.chat.say(this.chat.active, text.replace(/^\/\//, "/"));
  }

  complain(text) {
    toast(text, "error");
  }

  usage(name) {
    const [args] = COMMANDS[name];
    this.complain(`Write it so: /${name} ${args}`);
  }

  // Ask, and say what came of it.
  async tell(request) {
    const answer = await this.ask(request);
    if (answer.type === "error") this.complain(answer.text);
    else if (answer.type === "done" && answer.text) toast(answer.text);
    else if (answer.type === "bot") this.showToken(answer);
    else if (answer.type === "account" && request.op !== "nick") toast(`You are ${answer.nick} now.`);
    return answer;
  }

  inRoom(request) {
    const room = this.chat.active;
    if (!room || room.isDirect) return this.complain("That goes in a room only.");
    return this.tell({ ...request, room: room.name });
  }

  async join(name) {
    const there = this.model.rooms.get(name);
    if (there?.isJoined) {
      this.chat.go(there);
      return null;
    }
    const answer = await this.ask({ op: "join", room: name, tail: 50 });
    if (answer.type === "error") this.complain(answer.text);
    else if (answer.type === "joined") this.chat.go(this.model.rooms.get(answer.room));
    return answer;
  }

  leave(name) {
    const room = name ? this.model.rooms.get(name) : this.chat.active;
    if (!room) return this.complain(`You are not in ${name ?? "a room"}.`);
    if (room.isDirect || !room.isJoined) {
      this.model.rooms.delete(room.name);
      if (room === this.chat.active) this.chat.first();
      return this.chat.draw();
    }
    return this.tell({ op: "leave", room: room.name });
  }

  // To one person: somebody who is known, or whoever has that nick.
  async write(nick, bodyOrPerson = "") {
    const person = typeof bodyOrPerson === "object" ? bodyOrPerson : await this.find(nick);
    if (!person) return { type: "error", text: this.complain(`Nobody here is called ${nick}.`) ?? `Nobody here is called ${nick}.` };
    const room = this.model.conversation(person);
    room.isJoined = true;
    this.chat.go(room);
    this.chat.composer.focus();
    if (typeof bodyOrPerson === "string" && bodyOrPerson) this.chat.say(room, bodyOrPerson);
    return null;
  }

  async find(nick) {
    const isIt = (person) => person.nick.toLowerCase() === nick.toLowerCase() || person.id === nick;
    const known = this.model.people().find(isIt);
    if (known) return known;
    const answer = await this.ask({ op: "who" });
    const here = answer.members?.find(isIt);
    // Somebody with an account may be away; it is called by the nick in small letters.
    return here ?? (answer.type === "error" ? null : { id: nick.toLowerCase(), nick });
  }

  rooms() {
    roomsDialog(this.model, this.ask, (name) => this.join(name));
  }

  people() {
    peopleDialog(this.model, this.ask, (nick, person) => this.write(nick, person ?? ""));
  }

  search(query = "") {
    const reveal = (message) => this.reveal(message);
    searchDialog(this.model, this.chat.active, this.ask, reveal, query);
  }

  async reveal(message) {
    if (!message.to && !this.model.rooms.get(message.room)?.isJoined && (await this.join(message.room))?.type === "error") return;
    this.chat.goTo(this.model.roomOf(message), message.seq);
  }

  goTo(seq) {
    if (this.chat.active) this.chat.goTo(this.chat.active, seq);
  }

  async who(name) {
    const room = name || (this.chat.active && !this.chat.active.isDirect ? this.chat.active.name : null);
    const answer = await this.tell({ op: "who", ...(room ? { room } : {}) });
    if (answer.type !== "members") return;
    const rows = answer.members.map((person) => ({ words: person.nick, note: [person.role === "op" ? "moderator" : person.role, person.bot ? "bot" : "", person.id.startsWith("~") ? "guest" : "registered"].filter(Boolean).join(", ") }));
    listDialog(`${room ?? "Here"}: ${answer.count}`, rows, "Nobody.");
  }

  rename() {
    openForm("Choose a name", {
      intro: "Letters, digits, and - _ . between them; 32 at most. Everybody sees it.",
      controls: [field("Name", "nick", "text", { required: true, maxlength: "32", autocomplete: "nickname", value: this.model.me.nick })],
      action: "Take it",
      act: ({ nick }) => this.ask({ op: "nick", nick: nick.trim() }),
    });
  }

  account(kind, nick = "") {
    if (this.model.passwords) accountForm(kind, this.model, this.ask, nick);
    else this.complain("Passwords travel over TLS only: open this page with https.");
  }

  password() {
    if (this.model.passwords) passwordForm(this.ask);
    else this.complain("Passwords travel over TLS only: open this page with https.");
  }

  topic() {
    const room = this.chat.active;
    openForm(`Topic of ${room.title}`, {
      controls: [field("Topic", "text", "text", { maxlength: "200", autocomplete: "off", value: room.topic })],
      action: "Set it",
      act: ({ text }) => this.ask({ op: "topic", room: room.name, text }),
    });
  }

  slow() {
    const room = this.chat.active;
    const choices = [["0", "As everybody likes"], ["5", "Once in 5 seconds"], ["30", "Once in 30 seconds"], ["60", "Once a minute"], ["600", "Once in 10 minutes"]];
    openForm(`Slow mode of ${room.title}`, {
      controls: [field("Everybody but moderators speaks", "seconds", "select", { choices })],
      action: "Set it",
      act: ({ seconds }) => this.ask({ op: "slow", room: room.name, seconds: Number(seconds) }),
    });
  }

  async sanctions() {
    const room = this.chat.active;
    const answer = await this.inRoom({ op: "sanctions" });
    if (answer?.type !== "sanctions") return;
    const rows = answer.sanctions.map((one) => ({
      words: `${one.nick || one.target} is ${one.kind === "ban" ? "banned" : "muted"}`,
      note: `by ${one.by}, ${until(one.until)}${one.reason ? `: ${one.reason}` : ""}`,
      action: "Lift",
      run: () => this.tell({ op: `un${one.kind}`, room: room.name, nick: one.target }),
    }));
    listDialog(`Banned and muted in ${room.title}`, rows, "Nobody is banned or muted here.");
  }

  async audit() {
    const room = this.chat.active;
    const answer = await this.tell({ op: "audit", limit: 100, ...(room && !room.isDirect ? { room: room.name } : {}) });
    if (answer.type !== "audit") return;
    const rows = answer.rows.map((row) => ({
      words: `${row.by}: ${row.what} ${row.nick ?? ""}`,
      note: `${dayName(row.time)}, ${clock(row.time)}${row.detail ? ` · ${row.detail}` : ""}`,
    }));
    listDialog("Who did what", rows, "Nothing was done yet.");
  }

  bot(name) {
    return this.tell({ op: "bot", name });
  }

  newBot() {
    openForm("Make a bot", {
      intro: "A bot speaks JSON lines on this same port, with a token that is shown once.",
      controls: [field("Name of the bot", "name", "text", { required: true, maxlength: "32", autocomplete: "off" })],
      action: "Make it",
      act: async ({ name }) => {
        const answer = await this.ask({ op: "bot", name: name.trim() });
        if (answer.type === "bot") setTimeout(() => this.showToken(answer));
        return answer;
      },
    });
  }

  showToken({ name, token }) {
    textDialog(`The token of ${name}`, "It is shown this once. Whoever has it speaks as this bot.", h("code", { class: "token", tabindex: "0" }, token));
  }

  motd() {
    openForm("Message of the day", {
      controls: [field("Everybody reads it when they come", "text", "area", { maxlength: "2000" })],
      action: "Set it",
      act: ({ text }) => this.ask({ op: "motd", text }),
    });
  }

  showMotd() {
    textDialog("Message of the day", ...(this.model.motd || "There is none.").split("\n"));
  }

  help() {
    const rows = Object.entries(COMMANDS).map(([name, [args, note]]) => h("li", { class: "help-row" }, h("code", {}, `/${name} ${args}`.trim()), h("span", {}, note)));
    const keys = [["Enter", "send"], ["Tab", "complete a name, room or command"], ["Alt + ↑ ↓", "the room above or below"], ["Page Up, Page Down", "through the messages"], ["Escape", "close what is open; to the newest message"]];
    textDialog("Commands and keys", h("h3", {}, "Keys"), h("ul", { class: "rows" }, keys.map(([key, note]) => h("li", { class: "help-row" }, h("kbd", {}, key), h("span", {}, note)))),
      h("h3", {}, "Commands"), h("ul", { class: "rows" }, rows));
  }

  quit() {
    this.tell({ op: "quit" });
  }

  // Menus.

  personMenu(person, button) {
    const isMe = person.id === this.model.me.id;
    if (isMe) return this.meMenu(button);
    const entries = [
      { words: "Write a direct message", run: () => this.write(person.nick, person) },
      { words: "Mention", run: () => this.chat.composer.insert(`@${person.nick} `) },
    ];
    const room = this.chat.active;
    if (room && !room.isDirect && this.model.isModerator(room)) entries.push(null, ...this.moderation(person, room));
    return openMenu(button, person.nick, entries);
  }

  moderation(person, room) {
    const act = (request) => this.tell({ ...request, room: room.name, nick: person.nick });
    const form = (what) => ({ words: { kick: "Put out…", ban: "Ban…", mute: "Mute…" }[what], isDanger: what !== "mute", run: () => sanctionForm(what, person.nick, room.name, act) });
    const isOp = room.members.get(person.id)?.role === "op";
    return [
      form("mute"), { words: "Let speak again", run: () => act({ op: "unmute" }) }, form("kick"), form("ban"), null,
      isOp ? { words: "End being a moderator", run: () => act({ op: "deop" }) } : { words: "Make a moderator", run: () => act({ op: "op" }) },
    ];
  }

  roomMenu(button) {
    const room = this.chat.active;
    const always = [{ words: "Join another room…", run: () => this.rooms() }, { words: "Commands and keys", run: () => this.help() }];
    if (this.model.motd) always.push({ words: "Message of the day", run: () => this.showMotd() });
    if (!room) return openMenu(button, "More", always);
    const entries = [];
    if (!room.isDirect) {
      entries.push({ words: "Topic…", run: () => this.topic() });
      if (this.model.isModerator(room)) {
        entries.push({ words: "Slow mode…", run: () => this.slow() }, { words: "Banned and muted…", run: () => this.sanctions() }, { words: "Who did what…", run: () => this.audit() });
      }
      entries.push({ words: `Leave ${room.title}`, run: () => this.leave(null), isDanger: true });
    } else entries.push({ words: "Close this conversation", run: () => this.leave(null) });
    return openMenu(button, room.title, [...entries, null, ...always]);
  }

  meMenu(button) {
    const { me, passwords } = this.model;
    const entries = [{ words: "Choose a name…", run: () => this.rename() }];
    if (me.account) {
      if (passwords) entries.push({ words: "Change the password…", run: () => this.password() });
      entries.push({ words: "Make a bot…", run: () => this.newBot() }, { words: "Log out", run: () => this.tell({ op: "logout" }) });
    } else if (passwords) {
      entries.push({ words: "Keep this name (register)…", run: () => this.account("register") }, { words: "Log in…", run: () => this.account("login") });
    }
    if (me.isOperator) entries.push({ words: "Message of the day…", run: () => this.motd() });
    const theme = document.documentElement.dataset.theme ?? "";
    const themes = [["", "Light or dark: as the system"], ["light", "Light"], ["dark", "Dark"]];
    entries.push(null, ...themes.map(([value, words]) => ({ words, isChecked: theme === value, run: () => this.theme(value) })));
    openMenu(button, "You", [...entries, null, { words: "Leave the chat", run: () => this.quit() }]);
  }

  theme(value) {
    if (value) document.documentElement.dataset.theme = value;
    else delete document.documentElement.dataset.theme;
    keepTheme(value);
  }
}
