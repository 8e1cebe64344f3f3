// The box one types in: Enter sends, Tab completes where there is something to complete, and moves on otherwise.

import { byId, h } from "./dom.js";
import { complete } from "./commands.js";

const MOST_BYTES = 4096;
const TYPING_EVERY = 4000;
const MOST_OFFERS = 8;

export class Composer {
  // `needs`: {send(text), types(), names(), scroll(pages), newest()}.
  constructor(needs) {
    this.needs = needs;
    this.box = byId("say");
    this.list = byId("offers");
    this.left = byId("left");
    this.offers = [];
    this.from = 0;
    this.chosen = -1;
    this.lastTyping = 0;
    byId("composer").addEventListener("submit", (event) => { event.preventDefault(); this.submit(); });
    this.box.addEventListener("input", () => this.typed());
    this.box.addEventListener("keydown", (event) => this.key(event));
    this.box.addEventListener("blur", () => setTimeout(() => document.activeElement === this.box || this.close(), 150));
  }

  get text() {
    return this.box.value;
  }

  set text(value) {
    this.box.value = value;
    this.resize();
    this.close();
  }

  focus() {
    this.box.focus();
  }

  insert(words) {
    const [from, to] = [this.box.selectionStart, this.box.selectionEnd];
    this.box.setRangeText(words, from, to, "end");
    this.resize();
    this.focus();
  }

  submit() {
    this.close();
    const text = this.text.replace(/\s*\n\s*/g, " ").trim();
    if (!text || this.excess() > 0) return;
    this.text = "";
    this.lastTyping = 0;
    this.needs.send(text);
  }

  excess() {
    return new TextEncoder().encode(this.text).length - MOST_BYTES;
  }

  resize() {
    this.box.style.setProperty("height", "auto");
    this.box.style.setProperty("height", `${Math.min(this.box.scrollHeight, 160)}px`);
    const excess = this.excess();
    this.left.hidden = excess < -300;
    this.left.classList.toggle("over", excess > 0);
    this.left.textContent = excess > 0 ? `${excess} bytes too long` : `${-excess} bytes left`;
  }

  typed() {
    this.resize();
    const before = this.text.slice(0, this.box.selectionStart);
    if (/^\/\w*$/.test(before)) this.offer();
    else this.close();
    const isWords = this.text.trim() !== "" && !this.text.startsWith("/");
    if (isWords && Date.now() - this.lastTyping > TYPING_EVERY) {
      this.lastTyping = Date.now();
      this.needs.types();
    }
  }

  key(event) {
    if (event.isComposing) return;
    const isOpen = !this.list.hidden;
    const { key } = event;
    if (key === "Tab" && !event.shiftKey && !event.altKey && !event.ctrlKey) this.tab(event);
    else if (key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      if (isOpen && this.chosen >= 0 && !this.isWhole()) this.take(this.chosen);
      else this.submit();
    } else if (isOpen && (key === "ArrowDown" || key === "ArrowUp")) {
      event.preventDefault();
      this.choose((this.chosen + (key === "ArrowDown" ? 1 : -1) + this.offers.length) % this.offers.length);
    } else if (key === "Escape") {
      if (isOpen) event.stopPropagation();
      if (isOpen) this.close();
      else this.needs.newest();
    } else if (key === "PageUp" || key === "PageDown") {
      event.preventDefault();
      this.needs.scroll(key === "PageUp" ? -0.85 : 0.85);
    }
  }

  isWhole() {
    return this.offers[this.chosen]?.text.trim() === this.text.trim();
  }

  tab(event) {
    const isFirst = this.list.hidden;
    if (isFirst) this.offer();
    if (!this.offers.length) return;
    event.preventDefault();
    if (!isFirst || this.offers.length === 1) this.take(Math.max(0, this.chosen));
  }

  offer() {
    const before = this.text.slice(0, this.box.selectionStart);
    const { from, offers } = complete(before, this.needs.names());
    this.from = from;
    this.offers = offers.slice(0, MOST_OFFERS);
    this.chosen = -1;
    this.list.replaceChildren(...this.offers.map((offer, at) => h("li", {
      id: `offer-${at}`, role: "option", "aria-selected": "false",
      onpointerdown: (event) => { event.preventDefault(); this.take(at); },
    }, h("span", { class: "offer-words" }, offer.words), offer.note ? h("span", { class: "faint" }, offer.note) : null)));
    this.list.hidden = this.offers.length === 0;
    if (this.offers.length) this.choose(0);
  }

  choose(at) {
    this.chosen = at;
    [...this.list.children].forEach((node, index) => node.setAttribute("aria-selected", String(index === at)));
    this.list.children[at]?.scrollIntoView({ block: "nearest" });
    this.box.setAttribute("aria-activedescendant", `offer-${at}`);
  }

  take(at) {
    this.box.setRangeText(this.offers[at].text, this.from, this.box.selectionStart, "end");
    this.resize();
    this.close();
  }

  close() {
    this.list.hidden = true;
    this.offers = [];
    this.chosen = -1;
    this.box.removeAttribute("aria-activedescendant");
  }
}
