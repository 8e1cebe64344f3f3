// What is typed behind a slash: the same words as on plain text.

const UNITS = { s: 1, m: 60, h: 3600, d: 86400, w: 604800 };

export function seconds(text) {
  const parts = /^(\d+)([smhdw]?)$/i.exec(text ?? "");
  return parts ? Number(parts[1]) * UNITS[parts[2].toLowerCase() || "s"] : null;
}

function cut(text) {
  const parts = /^(\S+)\s*(.*)$/s.exec(text.trim());
  return parts ? [parts[1], parts[2]] : ["", ""];
}

// NICK [HOW LONG] [REASON], in the room at hand.
function sanction(op) {
  return (app, rest) => {
    const [nick, tail] = cut(rest);
    if (!nick) return app.usage(op);
    const [first, behind] = cut(tail);
    const span = op === "kick" ? null : seconds(first);
    const reason = span === null ? tail : behind;
    return app.inRoom({ op, nick, reason, ...(span === null ? {} : { seconds: span }) });
  };
}

const named = (op) => (app, rest) => (rest ? app.inRoom({ op, nick: cut(rest)[0] }) : app.usage(op));

export const COMMANDS = {
  join: ["ROOM", "enter a room, or open it", (app, rest) => (rest ? app.join(cut(rest)[0].replace(/^#/, "")) : app.rooms())],
  leave: ["[ROOM]", "leave this room", (app, rest) => app.leave(rest ? cut(rest)[0].replace(/^#/, "") : null)],
  msg: ["NICK [WORDS]", "write to one person", (app, rest) => (rest ? app.write(...cut(rest)) : app.people())],
  nick: ["NAME", "take another name", (app, rest) => (rest ? app.tell({ op: "nick", nick: cut(rest)[0] }) : app.rename())],
  who: ["[ROOM]", "who is here", (app, rest) => app.who(rest && cut(rest)[0])],
  rooms: ["", "which rooms there are", (app) => app.rooms()],
  search: ["WORDS", "search messages", (app, rest) => app.search(rest)],
  since: ["NUMBER", "go to a message by its number", (app, rest) => (/^\d+$/.test(rest) ? app.goTo(Number(rest)) : app.usage("since"))],
  topic: ["[WORDS]", "say what the room is about", (app, rest) => (rest ? app.inRoom({ op: "topic", text: rest }) : app.topic())],
  register: ["[PASSWORD]", "make the name yours", (app, rest) => (rest ? app.tell({ op: "register", password: rest }) : app.account("register"))],
  login: ["NAME [PASSWORD]", "be the owner of a name", (app, rest) => {
    const [nick, password] = cut(rest);
    return password ? app.tell({ op: "login", nick, password }) : app.account("login", nick);
  }],
  logout: ["", "be a guest again", (app) => app.tell({ op: "logout" })],
  password: ["", "change your password", (app) => app.password()],
  kick: ["NICK [REASON]", "put somebody out", sanction("kick")],
  ban: ["NICK [10m] [REASON]", "keep somebody out", sanction("ban")],
  unban: ["NICK", "let somebody in again", named("unban")],
  mute: ["NICK [10m] [REASON]", "let somebody read only", sanction("mute")],
  unmute: ["NICK", "let somebody speak again", named("unmute")],
  slow: ["SECONDS", "one message each in so many seconds", (app, rest) => (seconds(rest) === null ? app.usage("slow") : app.inRoom({ op: "slow", seconds: seconds(rest) }))],
  op: ["NICK", "make somebody a moderator", named("op")],
  deop: ["NICK", "end that", named("deop")],
  sanctions: ["", "who is banned or muted", (app) => app.sanctions()],
  audit: ["", "who did what", (app) => app.audit()],
  bot: ["NAME", "make a bot of yours", (app, rest) => (rest ? app.bot(cut(rest)[0]) : app.usage("bot"))],
  unbot: ["NAME", "take its token away", (app, rest) => (rest ? app.tell({ op: "unbot", name: cut(rest)[0] }) : app.usage("unbot"))],
  motd: ["[WORDS]", "the message of the day", (app, rest) => (rest ? app.tell({ op: "motd", text: rest }) : app.showMotd())],
  help: ["", "commands and keys", (app) => app.help()],
  quit: ["", "leave the chat", (app) => app.quit()],
};

const WITH_NICK = new Set(["msg", "kick", "ban", "unban", "mute", "unmute", "op", "deop"]);
const WITH_ROOM = new Set(["join", "leave", "who"]);

export function run(app, text) {
  const [name, rest] = cut(text.slice(1));
  const command = COMMANDS[name.toLowerCase()];
  if (command) return command[2](app, rest);
  return app.complain(`There is no command /${name}. /help lists those there are; //${name} says it as it is.`);
}

const starts = (word, beginning) => word.toLowerCase().startsWith(beginning.toLowerCase());

// What the word before the cursor may become: {from, offers: [{text, words, note}]}.
export function complete(before, { nicks, rooms }) {
  if (/^\/\w*$/.test(before)) {
    const offers = Object.entries(COMMANDS).filter(([name]) => starts(name, before.slice(1)))
      .map(([name, [args, note]]) => ({ text: `/${name} `, words: `/${name} ${args}`.trim(), note }));
    return { from: 0, offers };
  }
  const word = /\S*$/.exec(before)[0];
  const from = before.length - word.length;
  const command = /^\/(\w+)\s+\S*$/.exec(before)?.[1]?.toLowerCase();
  if (command && WITH_ROOM.has(command)) return { from, offers: rooms.filter((room) => starts(room, word)).map((room) => ({ text: `${room} `, words: room })) };
  if (!word && !(command && WITH_NICK.has(command))) return { from, offers: [] };
  const at = word.startsWith("@") ? "@" : "";
  const tail = from === 0 && !at ? ": " : " ";
  const offers = nicks.filter((nick) => starts(nick, word.slice(at.length))).map((nick) => ({ text: `${at}${nick}${tail}`, words: `${at}${nick}` }));
  return { from, offers };
}
