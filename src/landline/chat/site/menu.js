// Menus that open beside a button; Escape closes, arrows walk, the focus goes back to where it was.

import { arrows, h } from "./dom.js";

let open = null;

export function closeMenu(giveBack = true) {
  if (!open) return;
  const { menu, button } = open;
  open = null;
  menu.remove();
  button.setAttribute("aria-expanded", "false");
  if (giveBack) button.focus();
}

// `entries`: {words, run, isDanger, isChecked}, or null for a line between groups.
export function openMenu(button, label, entries) {
  const isSame = open?.button === button;
  closeMenu(isSame);
  if (isSame) return;
  const menu = h("div", { class: "menu", role: "menu", "aria-label": label });
  for (const entry of entries) {
    if (entry === null) {
      menu.append(h("div", { class: "menu-line", role: "separator" }));
      continue;
    }
    const isRadio = entry.isChecked !== undefined;
    menu.append(h("button", {
      type: "button", role: isRadio ? "menuitemradio" : "menuitem", tabindex: "-1",
      "aria-checked": isRadio ? String(entry.isChecked) : null, class: entry.isDanger ? "danger" : "",
      onclick: () => { closeMenu(); entry.run(); },
    }, entry.words));
  }
  document.body.append(menu);
  place(menu, button);
  arrows(menu, "button");
  open = { menu, button };
  button.setAttribute("aria-expanded", "true");
  menu.querySelector("button")?.focus();
}

function place(menu, button) {
  const at = button.getBoundingClientRect();
  const size = menu.getBoundingClientRect();
  const left = Math.max(8, Math.min(at.left, innerWidth - size.width - 8));
  const below = at.bottom + 6;
  const top = below + size.height <= innerHeight - 8 ? below : Math.max(8, at.top - size.height - 6);
  menu.style.setProperty("left", `${left}px`);
  menu.style.setProperty("top", `${top}px`);
}

document.addEventListener("pointerdown", (event) => {
  if (open && !open.menu.contains(event.target) && !open.button.contains(event.target)) closeMenu(false);
});
document.addEventListener("keydown", (event) => {
  if (!open || (event.key !== "Escape" && event.key !== "Tab")) return;
  event.preventDefault();
  event.stopPropagation();
  closeMenu();
}, true);
window.addEventListener("resize", () => closeMenu(false));
