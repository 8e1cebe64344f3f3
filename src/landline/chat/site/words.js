// What moderators have done, in words.

import { lasting } from "./dom.js";

function span(notice) {
  if (!notice.until) return "";
  return ` for ${lasting(Math.max(1, notice.until - Date.now() / 1000))}`;
}

const because = (notice) => (notice.reason ? `: ${notice.reason}` : ".");

const CHANGES = {
  kick: (n, who) => `${n.by} put ${who} out of the room${because(n)}`,
  ban: (n, who) => `${n.by} banned ${who}${span(n)}${because(n)}`,
  unban: (n, who) => `${n.by} lets ${who} in again.`,
  mute: (n, who) => `${n.by} muted ${who}${span(n)}${because(n)}`,
  unmute: (n, who) => `${n.by} lets ${who} speak again.`,
  slow: (n) => (Number(n.value) ? `${n.by}: everybody speaks once in ${lasting(Number(n.value))} now.` : `${n.by} ended slow mode.`),
  op: (n, who) => `${n.by} made ${who} a moderator.`,
  deop: (n, who) => `${n.by} made ${who} an ordinary member.`,
  topic: (n) => (n.value ? `${n.by} set the topic: ${n.value}` : `${n.by} removed the topic.`),
  motd: (n) => `Message of the day, by ${n.by}: ${n.value ?? ""}`,
};

export function changeInWords(notice, me) {
  const who = notice.id === me.id ? "you" : notice.nick;
  return CHANGES[notice.what]?.(notice, who) ?? `${notice.by}: ${notice.what} ${notice.nick ?? ""}`;
}

export function until(moment) {
  if (!moment) return "for good";
  const time = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" }).format(moment * 1000);
  return `until ${time}`;
}
