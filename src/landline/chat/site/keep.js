// What this browser remembers: in localStorage, else for this tab, else while the page is open.

const held = new Map();

function stores() {
  const found = [];
  for (const name of ["localStorage", "sessionStorage"]) {
    try {
      const store = window[name];
      store.setItem("landline.try", "1");
      store.removeItem("landline.try");
      found.push(store);
    } catch {
      // Blocked, or full: the next one.
    }
  }
  return found;
}

const [store] = stores();

export function recall(name, otherwise = null) {
  try {
    const text = store ? store.getItem(`landline.${name}`) : held.get(name);
    return text === null || text === undefined ? otherwise : JSON.parse(text);
  } catch {
    return otherwise;
  }
}

export function keep(name, value) {
  const text = JSON.stringify(value);
  held.set(name, text);
  try {
    store?.setItem(`landline.${name}`, text);
  } catch {
    // Full: what is on the page still works.
  }
}

export function forget(name) {
  held.delete(name);
  store?.removeItem(`landline.${name}`);
}

// The theme's key is read as plain text before any module runs.
export function keepTheme(theme) {
  try {
    if (theme) localStorage.setItem("landline.theme", theme);
    else localStorage.removeItem("landline.theme");
  } catch {
    // It lasts as long as the page.
  }
}
