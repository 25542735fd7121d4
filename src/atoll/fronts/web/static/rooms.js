// @ts-check
// The map: regions as panels, zones as rooms in them, each instance a square on the room's canvas.

import { el, hourly, moment, number, plural, prose } from "./dom.js";
import { BUSY, STATES } from "./store.js";

const COLOURS = ["--busy", "--idle", "--start", "--end", "--lost"], INK = COLOURS.length;

/**
 * A zone on the page: `laid` instances were in it when the page was laid out, `sums` renews its region's totals.
 * @typedef {{room: any, canvas: any, cols: number, laid: number, sums: () => void}} Room
 */

/** @typedef {ReturnType<import("./store.js").Store["apply"]>} Change */

export class Rooms {
  /** @param {import("./store.js").Store} store */
  constructor(store) {
    this.store = store;
    this.root = el("section", "map");
    this.root.setAttribute("aria-label", "Zones");
    /** @type {Map<number, Room>} */
    this.rooms = new Map();
    this.fleet = -1;
    this.zone = -1;
    this.instance = -1;
    this.showEmpty = false;
    this.hint = "one square is one instance, in the order of fleets";
    /** @type {null | {placed: Map<string, {count: number, price?: number}>, refused: Map<string, string>}} */
    this.plan = null;
    /** @type {(z: number) => void} */ this.onpick = () => {};
    /** @type {(i: number) => void} */ this.oninstance = () => {};
    /** @type {string[]} */ this.colours = [];
    this.root.addEventListener("click", (/** @type {MouseEvent} */ event) => this._click(event));
    this.root.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
      const room = /** @type {any} */ (event.target).closest?.(".room");
      if (room && !event.ctrlKey && !event.metaKey && !event.altKey) this._key(event, +room.dataset.z);
    });
    this.root.addEventListener("mousemove", (/** @type {MouseEvent} */ event) => this._hover(event));
    this.root.addEventListener("mouseleave", () => { this._tip().hidden = true; });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { this._readColours(); this.drawAll(); });
  }

  /** All rooms from the start. Call when the element is on the page. */
  layout() {
    const { store } = this, regions = new Map(), empty = [];
    for (let z = 0; z < store.zones.length; z++) {
      if (!this._shown(z)) { empty.push(z); continue; }
      const zone = store.zones[z].zone, key = zone.backend + "/" + zone.region;
      (regions.get(key) || regions.set(key, []).get(key)).push(z);
    }
    const focused = /** @type {any} */ (this.root.contains(document.activeElement) ? document.activeElement : null)?.dataset.z;
    this.rooms.clear();
    const parts = [this._legend()];
    this.cell = this._cell();
    for (const zones of regions.values()) parts.push(this._region(zones));
    if (empty.length || this.showEmpty) {
      const button = el("button", "empty-zones", this.showEmpty ? "Hide the zones with nothing in them" : `and ${number(empty.length)} zones with nothing in them`);
      button.type = "button";
      button.addEventListener("click", () => { this.showEmpty = !this.showEmpty; this.layout(); });
      parts.push(button);
    }
    this.root.replaceChildren(...parts);
    if (focused !== undefined) this.rooms.get(+focused)?.room.focus({ preventScroll: true });
    this._readColours();
    this.resize();
  }

  /** The canvases for the width that there is, and all squares. */
  resize() {
    const scale = devicePixelRatio || 1;
    // All reads before the first write, so that the browser lays out once.
    const widths = new Map([...this.rooms].map(([z, { canvas }]) => [z, canvas.clientWidth]));
    const cell = this.cell || 16, gap = cell > 5 ? 1 : 0;
    for (const [z, entry] of this.rooms) {
      const width = widths.get(z) || 0;
      entry.cols = Math.max(1, Math.floor((width + gap) / cell));
      const height = Math.max(1, Math.ceil(this.store.held(z).length / entry.cols)) * cell;
      entry.canvas.width = width * scale; entry.canvas.height = height * scale;
      entry.canvas.style.height = height + "px";
      if (width < 90) entry.room.closest(".region").classList.add("short");
    }
    this.drawAll();
  }

  /** Follows a change: only the canvases of zones whose instances differ, or all from the start. @param {Change} change */
  update({ touched, zones, volumes }) {
    if (zones || this.cell !== this._cell() || touched.some((z) => this._outgrown(z)) || (volumes && this.store.zones.some((_, z) => this._outgrown(z)))) { this.layout(); return; }
    const cell = this.cell || 16, scale = devicePixelRatio || 1;
    if (volumes) for (const z of this.rooms.keys()) this._foot(z);
    for (const z of touched) {
      const entry = this.rooms.get(z);
      if (!entry) continue;
      const height = Math.max(1, Math.ceil(this.store.held(z).length / entry.cols)) * cell;
      if (entry.canvas.height !== height * scale) { entry.canvas.height = height * scale; entry.canvas.style.height = height + "px"; }
      this._draw(z);
      this._foot(z);
      entry.sums();
    }
  }

  /** Whether a zone needs a room that it has not, or another share of its region's width. @param {number} z */
  _outgrown(z) {
    const entry = this.rooms.get(z), count = this.store.held(z).length;
    return entry ? count > 2 * entry.laid + 20 || entry.laid > 2 * count + 20 : this._shown(z);
  }

  drawAll() { for (const z of this.rooms.keys()) { this._draw(z); this._foot(z); } }

  /** Whether a zone has a room. @param {number} z */
  _shown(z) {
    if (this.plan) {
      const key = this.store.zones[z].key;
      return this.plan.placed.has(key) || this.store.held(z).length > 0 || (this.plan.refused.has(key) && (this.showEmpty || this.store.zones.length <= 60));
    }
    if (this.store.held(z).length || this.showEmpty || this.store.zones[z].state !== "available" || this.store.zones[z].left_out.length) return true;
    return this.store.zones.length <= 12 || this.store.volumes.some((volume) => volume.zone === this.store.zones[z].key);
  }

  _cell() {
    const n = this.store.count;
    return n <= 250 ? 16 : n <= 1500 ? 11 : n <= 4000 ? 8 : n <= 30000 ? 6 : 4;
  }

  _legend() {
    const legend = el("div", "legend");
    STATES.forEach((name, k) => legend.append(el("span", "", el("i", "s" + k), name)));
    legend.append(el("span", "", "◆ volume in use"), el("span", "", "◇ volume free"), el("span", "hint", this.hint));
    return legend;
  }

  /** @param {number[]} zones */
  _region(zones) {
    const { store } = this, counts = zones.map((z) => store.held(z).length), total = counts.reduce((a, b) => a + b, 0);
    const zone = store.zones[zones[0]].zone, panel = el("section", "region"), box = el("div", "rooms");
    const sum = el("span", "sum");
    panel.append(el("header", "", el("b", "", zone.region), el("span", "be", zone.backend), sum), box);
    panel.style.flexGrow = String(total + 1);
    panel.style.flexBasis = Math.max(zones.length * 118, Math.sqrt(total) * 10) + "px";
    box.style.setProperty("--rooms", zones.map((_, k) => `minmax(min(104px, 100%), ${Math.max(1, Math.round(counts[k] + 0.4 * total / zones.length))}fr)`).join(" "));
    const sums = () => { sum.textContent = `${number(zones.reduce((a, z) => a + store.held(z).length, 0))} · ${hourly(zones.reduce((a, z) => a + this._paid(z), 0))}`; };
    for (const z of zones) box.append(this._room(z, sums));
    sums();
    return panel;
  }

  /** @param {number} z @param {() => void} sums */
  _room(z, sums) {
    const view = this.store.zones[z], zone = view.zone, room = el("article", "room"), canvas = el("canvas");
    room.tabIndex = 0; room.dataset.z = z; room.setAttribute("role", "button");
    const cut = view.label.startsWith(zone.region) ? zone.region.length : 0;
    const name = el("b", "", el("span", "pre", view.label.slice(0, cut)), view.label.slice(cut));
    room.append(el("h3", "", name, zone.zone_id ? el("small", "", zone.zone_id) : null, el("span", "count")));
    for (const [cls, text] of this._lines(z)) { room.classList.add(cls); room.append(el("p", "tag " + cls, prose(text))); }
    canvas.setAttribute("aria-hidden", "true");
    room.append(canvas, el("div", "foot", el("span", "vol"), el("span", "pickcount"), el("span", "paid")));
    this.rooms.set(z, { room, canvas, cols: 1, laid: this.store.held(z).length, sums });
    return room;
  }

  /** At most one line of state. @param {number} z @returns {Array<[string, string]>} */
  _lines(z) {
    const view = this.store.zones[z];
    if (this.plan) {
      const placed = this.plan.placed.get(view.key), refused = this.plan.refused.get(view.key);
      if (placed) return [["placed", `+${plural(placed.count, "node")}${placed.price === undefined ? "" : ", " + hourly(placed.price)}`]];
      return refused ? [["refused", refused]] : [];
    }
    const until = view.until ? ` until ${moment(view.until)}` : "";
    if (view.state === "impaired") return [["impaired", `impaired: ${view.reason || "no reason given"}${until}`]];
    if (view.state !== "available") return [["closed", `${view.state.replaceAll("-", " ")}${until}${view.reason ? ": " + view.reason : ""}`]];
    const [out, ...others] = view.left_out.filter((one) => !one.until || Date.parse(one.until) > Date.now());
    if (!out) return [];
    const more = others.length ? ` and ${others.length} more` : "";
    return [["left", `${out.what ? out.what + ": " : ""}${out.why}${out.until ? `, out until ${moment(out.until)}` : ""}${more}`]];
  }

  /** @param {number} z */
  _paid(z) { let sum = 0; for (const i of this.store.held(z)) sum += this.store.price[i]; return sum; }

  /** Counts, prices and the accessible name. @param {number} z */
  _foot(z) {
    const entry = this.rooms.get(z), { store } = this;
    if (!entry) return;
    const { room } = entry, view = store.zones[z], held = store.held(z), volumes = store.volumes.filter((volume) => volume.zone === view.key);
    const used = volumes.filter((volume) => volume.attached).length;
    let picked = 0, busy = 0;
    for (const i of held) { if (store.fleet[i] === this.fleet) picked++; if (store.state[i] === BUSY) busy++; }
    const set = (/** @type {string} */ at, /** @type {string} */ text) => { const node = room.querySelector(at); if (node.textContent !== text) node.textContent = text; };
    set(".count", number(held.length));
    set(".vol", volumes.length ? `◆ ${used} ◇ ${volumes.length - used}` : "");
    set(".pickcount", this.fleet >= 0 && picked ? `${store.fleets[this.fleet].name} ${number(picked)}` : "");
    set(".paid", `${hourly(this._paid(z))}`);
    room.classList.toggle("on", z === this.zone);
    room.setAttribute("aria-pressed", String(z === this.zone));
    const lines = this._lines(z).map(([, text]) => text).join(", ");
    room.setAttribute("aria-label", `Zone ${view.label}, ${view.zone.backend}: ${held.length} instances, ${busy} busy, ${volumes.length} volumes${lines ? ", " + lines : ""}`);
  }

  /** @param {number} z */
  _draw(z) {
    const entry = this.rooms.get(z), { store } = this;
    if (!entry) return;
    const scale = devicePixelRatio || 1, cell = this.cell || 16, side = cell - (cell > 5 ? 1 : 0), context = entry.canvas.getContext("2d"), held = store.held(z);
    context.setTransform(scale, 0, 0, scale, 0, 0);
    context.clearRect(0, 0, entry.canvas.width, entry.canvas.height);
    for (let pass = 0; pass < (this.fleet < 0 ? 1 : 2); pass++) {
      context.globalAlpha = this.fleet < 0 || pass ? 1 : 0.3;
      for (let state = 0; state < 5; state++) {
        context.fillStyle = this.colours[state];
        for (let k = 0; k < held.length; k++) {
          const i = held[k];
          if (store.state[i] !== state || (this.fleet >= 0 && (store.fleet[i] === this.fleet) !== Boolean(pass))) continue;
          context.fillRect((k % entry.cols) * cell, Math.floor(k / entry.cols) * cell, side, side);
        }
      }
    }
    const at = this.instance < 0 ? -1 : held.indexOf(this.instance);
    if (at < 0) return;
    context.globalAlpha = 1;
    context.strokeStyle = this.colours[INK];
    context.lineWidth = 2;
    context.strokeRect((at % entry.cols) * cell + 1, Math.floor(at / entry.cols) * cell + 1, side - 2, side - 2);
  }

  /** A key in a zone: selects it, or an instance beside the selected one. @param {KeyboardEvent} event @param {number} z */
  _key(event, z) {
    const held = this.store.held(z), entry = this.rooms.get(z), at = held.indexOf(this.instance);
    /** @type {Record<string, number>} */
    const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: entry?.cols || 1, ArrowUp: -(entry?.cols || 1) };
    if (event.key === "Enter" || event.key === " ") this.onpick(z);
    else if (event.key in steps && held.length) {
      const next = held[at < 0 ? 0 : at + steps[event.key]];
      if (next !== undefined) this.oninstance(next);
    } else return;
    event.preventDefault();
  }

  _readColours() {
    const style = getComputedStyle(document.documentElement);
    this.colours = [...COLOURS, "--ink"].map((name) => style.getPropertyValue(name).trim());
  }

  _tip() { return /** @type {HTMLElement} */ (document.getElementById("tip")); }

  /** The instance under the pointer, -1 for none. @param {MouseEvent} event */
  _under(event) {
    const canvas = /** @type {any} */ (event.target);
    if (canvas.tagName !== "CANVAS") return -1;
    const z = +canvas.closest(".room").dataset.z, entry = this.rooms.get(z), box = canvas.getBoundingClientRect(), cell = this.cell || 16;
    if (!entry) return -1;
    const column = Math.floor((event.clientX - box.left) / cell);
    if (column >= entry.cols) return -1;
    const i = this.store.held(z)[Math.floor((event.clientY - box.top) / cell) * entry.cols + column];
    return i === undefined ? -1 : i;
  }

  /** @param {MouseEvent} event */
  _click(event) {
    const room = /** @type {any} */ (event.target).closest?.(".room");
    if (!room) return;
    const i = this._under(event);
    if (i >= 0) this.oninstance(i); else this.onpick(+room.dataset.z);
  }

  /** @param {MouseEvent} event */
  _hover(event) {
    const tip = this._tip(), i = this._under(event), { store } = this;
    if (i < 0) { tip.hidden = true; return; }
    const run = store.run[i] ? `, run ${store.run[i]}` : "";
    tip.replaceChildren(el("b", "", `${store.fleets[store.fleet[i]].name}-${store.node[i]}`), el("div", "", `${STATES[store.state[i]]}${run} · ${store.type[i]} · ${hourly(store.price[i])}`));
    tip.style.left = Math.min(event.clientX + 12, innerWidth - 220) + "px";
    tip.style.top = Math.min(event.clientY + 14, innerHeight - 60) + "px";
    tip.hidden = false;
  }
}
