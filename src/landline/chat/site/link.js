// The WebSocket: opened again by itself when it is lost, later and later, never all pages at once.

const FIRST_DELAY = 400;
const LONGEST_DELAY = 6000;
const PING_EVERY = 25000;
const PATIENCE = 10000;

export class Link {
  // `hears(notice)` gets every notice; `changes(state, seconds)`: "open", "waiting" (for so long), "trying" or "ended".
  constructor(address, hears, changes) {
    this.address = address;
    this.hears = hears;
    this.changes = changes;
    this.socket = null;
    this.isWanted = true;
    this.tries = 0;
    this.hint = null;
    this.timer = 0;
    this.watch = 0;
    this.refs = 0;
    this.waiting = new Map();
    window.addEventListener("online", () => this.hurry());
    document.addEventListener("visibilitychange", () => document.hidden || this.hurry());
    window.addEventListener("pageshow", (event) => event.persisted && this.hurry());
  }

  get isOpen() {
    return this.socket?.readyState === WebSocket.OPEN;
  }

  open() {
    this.isWanted = true;
    clearTimeout(this.timer);
    this.changes("trying", 0);
    const socket = new WebSocket(this.address);
    this.socket = socket;
    const patience = setTimeout(() => this.lose(socket), PATIENCE);
    socket.addEventListener("open", () => {
      clearTimeout(patience);
      this.changes("open", 0);
      this.listen();
    });
    socket.addEventListener("message", (event) => {
      if (socket !== this.socket) return;
      this.listen();
      this.take(JSON.parse(event.data));
    });
    socket.addEventListener("close", () => {
      clearTimeout(patience);
      this.lose(socket);
    });
  }

  // A request, and its answer; whoever loses the connection meanwhile gets an error of code "offline".
  ask(request) {
    const ref = ++this.refs;
    return new Promise((resolve) => {
      if (!this.send({ ...request, ref })) resolve({ type: "error", code: "offline", text: "There is no connection just now." });
      else this.waiting.set(ref, resolve);
    });
  }

  send(request) {
    if (!this.isOpen) return false;
    this.socket.send(JSON.stringify(request));
    return true;
  }

  // The chat is reached: the next loss begins with a short delay again.
  settled() {
    this.tries = 0;
    this.hint = null;
  }

  end() {
    this.isWanted = false;
    clearTimeout(this.timer);
    this.socket?.close(1000);
  }

  hurry() {
    if (this.isWanted && this.socket === null) this.open();
  }

  take(notice) {
    this.hears(notice);
    const resolve = this.waiting.get(notice.ref);
    if (resolve) {
      this.waiting.delete(notice.ref);
      resolve(notice);
    }
  }

  listen() {
    clearTimeout(this.watch);
    this.watch = setTimeout(() => {
      const socket = this.socket;
      this.send({ op: "ping" });
      this.watch = setTimeout(() => this.lose(socket), PATIENCE);
    }, PING_EVERY);
  }

  lose(socket) {
    if (socket !== this.socket) return;
    this.socket = null;
    socket.close();
    clearTimeout(this.watch);
    for (const resolve of this.waiting.values()) {
      resolve({ type: "error", code: "offline", text: "The connection was lost before there was an answer." });
    }
    this.waiting.clear();
    if (!this.isWanted) {
      this.changes("ended", 0);
      return;
    }
    // Everybody loses a server at the same moment, and must not come back at the same moment.
    const base = this.hint ?? Math.min(LONGEST_DELAY, FIRST_DELAY * 2 ** this.tries);
    const delay = base * (0.5 + Math.random());
    this.hint = null;
    this.tries += 1;
    this.changes("waiting", delay / 1000);
    this.timer = setTimeout(() => this.open(), delay);
  }
}
