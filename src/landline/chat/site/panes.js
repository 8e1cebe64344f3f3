// The lists beside the messages: rooms, conversations, members; drawers where there is no space for them.

import { arrows, avatar, byId, count, h, hueOf, icon, initial, reconcile } from "./dom.js";

const NARROW = matchMedia("(max-width: 719px)");
const NOT_WIDE = matchMedia("(max-width: 1079px)");

export class Panes {
  // `needs`: {go(room), person(person, button), me(button)}.
  constructor(model, needs) {
    this.model = model;
    this.needs = needs;
    this.drawer = null;
    this.areMembersShut = false;
    for (const id of ["rooms", "direct", "members"]) arrows(byId(id), "button");
    const marks = { "close-rooms": "close", "close-members": "close", "add-room": "plus", "add-direct": "plus", "open-rooms": "menu", "open-search": "search", "open-members": "people", "open-more": "more" };
    for (const [id, name] of Object.entries(marks)) byId(id).append(icon(name));
    byId("send").append(icon("send"));
    byId("open-rooms").addEventListener("click", () => this.open("rooms"));
    byId("open-members").addEventListener("click", () => this.members());
    byId("close-rooms").addEventListener("click", () => this.close());
    byId("close-members").addEventListener("click", () => this.close());
    byId("scrim").addEventListener("click", () => this.close());
    byId("me").addEventListener("click", (event) => needs.me(event.currentTarget));
    document.addEventListener("keydown", (event) => event.key === "Escape" && this.drawer && this.close());
    for (const query of [NARROW, NOT_WIDE]) query.addEventListener("change", () => this.close(false));
    this.settle();
  }

  members() {
    if (NOT_WIDE.matches) this.open("members");
    else {
      this.areMembersShut = !this.areMembersShut;
      this.settle();
    }
  }

  open(name) {
    this.drawer = name;
    this.settle();
    const pane = byId(`${name}-pane`);
    (pane.querySelector('[aria-current="true"]') ?? pane.querySelector("button")).focus();
  }

  close(giveBack = true) {
    const was = this.drawer;
    this.drawer = null;
    this.settle();
    if (was && giveBack) byId(`open-${was}`).focus();
  }

  // A drawer that is shut is out of reach of Tab and of screen readers; one that is open has them alone.
  settle() {
    const isRooms = this.drawer === "rooms";
    const isMembers = this.drawer === "members";
    byId("rooms-pane").inert = (NARROW.matches && !isRooms) || isMembers;
    byId("members-pane").inert = NOT_WIDE.matches && !isMembers;
    byId("rooms-pane").classList.toggle("open", isRooms);
    byId("members-pane").classList.toggle("open", isMembers);
    byId("main").inert = this.drawer !== null;
    byId("scrim").hidden = this.drawer === null;
    byId("app").classList.toggle("no-members", this.areMembersShut);
    byId("open-rooms").setAttribute("aria-expanded", String(isRooms));
    byId("open-members").setAttribute("aria-expanded", String(NOT_WIDE.matches ? isMembers : !this.areMembersShut));
  }

  drawRooms(active) {
    const rooms = [...this.model.rooms.values()];
    const named = rooms.filter((room) => !room.isDirect).sort((one, other) => one.name.localeCompare(other.name));
    const direct = rooms.filter((room) => room.isDirect).sort((one, other) => one.title.localeCompare(other.title));
    this.drawList(byId("rooms"), named, active);
    this.drawList(byId("direct"), direct, active);
    byId("direct").classList.toggle("is-empty", direct.length === 0);
  }

  drawList(list, rooms, active) {
    reconcile(list, rooms.map((room) => ({ key: room.name, room })), ({ room }) => {
      const mark = room.peer ? avatar(room.peer.id, room.title, "small") : h("span", { class: "mark" }, icon("hash"));
      const button = h("button", { type: "button", class: "row room-row", onclick: () => this.needs.go(room) },
        mark, h("span", { class: "row-name", dir: "auto" }), h("span", { class: "count", hidden: true }));
      return h("li", {}, button);
    }, (node, { room }) => this.updateRow(node.firstElementChild, room, room === active));
  }

  updateRow(button, room, isActive) {
    const { count: unread, mentions } = this.model.unread(room);
    const [, name, number] = button.children;
    if (name.textContent !== room.title) name.textContent = room.title;
    const shown = unread === 0 ? "" : unread > 99 ? "99+" : String(unread);
    if (number.textContent !== shown) number.textContent = shown;
    number.hidden = unread === 0;
    number.classList.toggle("loud", mentions > 0);
    button.classList.toggle("unread", unread > 0);
    button.classList.toggle("gone", !room.isJoined);
    if (isActive) button.setAttribute("aria-current", "true");
    else button.removeAttribute("aria-current");
    const words = [room.isDirect ? `Conversation with ${room.title}` : room.title];
    if (unread) words.push(`${unread} unread`);
    if (mentions && !room.isDirect) words.push(count(mentions, "mention"));
    if (!room.isJoined) words.push("not joined");
    button.setAttribute("aria-label", words.join(", "));
  }

  drawMembers(room) {
    const rank = (person) => (person.role ? 0 : person.bot ? 2 : 1);
    let people = room ? [...room.members.values()] : [];
    if (room?.isDirect) people = [room.peer, { id: this.model.me.id, nick: this.model.me.nick }].filter(Boolean);
    people.sort((one, other) => rank(one) - rank(other) || one.nick.localeCompare(other.nick));
    const total = room?.isDirect ? people.length : Math.max(room?.count ?? 0, people.length);
    byId("members-title").textContent = room ? `Members · ${total.toLocaleString()}` : "Members";
    reconcile(byId("members"), people.map((person) => ({ key: `${person.id} ${person.nick} ${person.role ?? ""}`, person })), ({ person }) => this.buildMember(person));
    const hidden = total - people.length;
    byId("members-more").hidden = hidden <= 0;
    byId("members-more").textContent = `and ${hidden.toLocaleString()} more`;
  }

  buildMember(person) {
    const isMe = person.id === this.model.me.id;
    const role = { op: "moderator", operator: "operator" }[person.role];
    const button = h("button", { type: "button", class: "row", "aria-haspopup": "menu", "aria-expanded": "false", onclick: (event) => this.needs.person(person, event.currentTarget) },
      avatar(person.id, person.nick, "small"), h("span", { class: "row-name", dir: "auto" }, person.nick),
      isMe ? h("span", { class: "faint" }, "you") : null,
      person.bot ? h("span", { class: "badge" }, "bot") : null,
      role ? h("span", { class: "role", title: role }, icon("shield"), h("span", { class: "unseen" }, role)) : null);
    return h("li", {}, button);
  }

  drawMe(state) {
    const { me } = this.model;
    byId("me-avatar").textContent = initial(me.nick || "?");
    byId("me-avatar").className = `avatar small ${hueOf(me.id || "?")}`;
    byId("me-nick").textContent = me.nick || "…";
    byId("me-state").textContent = state;
    byId("me").setAttribute("aria-label", `You: ${me.nick || "not yet known"}, ${state}`);
  }
}
