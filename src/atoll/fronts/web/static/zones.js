// @ts-check
// The start page: fleets at the left, the map, the inspector at the right, the last hour below.

import { get, post } from "./api.js";
import { closing } from "./closing.js";
import { ago, ask, el, facts, hourly, money, moment, number, paced, plural, prose, table } from "./dom.js";
import { Rooms } from "./rooms.js";
import { BUSY, LOST, STATES } from "./store.js";
import { Strip } from "./strip.js";

export class ZonesPage {
  /** @param {import("./main.js").App} app */
  constructor(app) {
    this.app = app;
    this.store = app.store;
    this.rooms = new Rooms(app.store);
    this.rooms.hint += " · arrow keys pick one · t shows a table";
    this.strip = new Strip();
    this.list = el("ol", "");
    this.select = el("select", "fleet-select");
    this.select.setAttribute("aria-label", "Fleet");
    this.side = el("aside", "side");
    this.side.setAttribute("aria-label", "Inspector");
    this.middle = el("div", "middle", this.rooms.root);
    const fleets = el("aside", "fleets", el("h2", "", "Fleets ", el("small", "")), this.list, this.select);
    fleets.setAttribute("aria-label", "Fleets");
    this.count = fleets.querySelector("small");
    this.root = el("div", "zones-page", fleets, this.middle, this.side, this.strip.root);
    this.asTable = false;
    this.instance = "";
    this.rooms.onpick = (z) => this.app.pick({ zone: z === this.rooms.zone ? "" : this.store.zones[z].key, instance: "" });
    this.rooms.oninstance = (i) => this.app.pick({ zone: this.store.zones[this.store.zone[i]].key, instance: this.store.id[i] });
    this.list.addEventListener("click", (/** @type {MouseEvent} */ event) => {
      const button = /** @type {any} */ (event.target).closest("button");
      if (button) this._pickFleet(button.dataset.name);
    });
    this.select.addEventListener("change", () => this.app.pick({ fleet: this.select.value }));
    this._hourly = paced(() => this._hour(), 5000);
    this._sidebar = paced(() => { this._fleets(); this._side(); if (this.asTable) this._table(); }, 250);
    this._resized = () => { this.rooms.resize(); this.strip.draw(); };
  }

  /** @param {Record<string, string>} query */
  show(query) {
    addEventListener("resize", this._resized);
    this.query = query;
    this.asTable = query.view === "table";
    this._select();
    this.rooms.layout();
    this._fleets(); this._side();
    if (this.asTable) this._table();
    this.strip.clear();
    this._hour();
    get(`${this.app.base}/events?last=4`).then((events) => this.strip.news(events), () => {});
  }

  hide() { removeEventListener("resize", this._resized); }

  /** Another selection on the same page. @param {Record<string, string>} query */
  requery(query) {
    this.query = query;
    this.asTable = query.view === "table";
    this._select();
    if (this.asTable) this._table(); else { if (!this.rooms.root.isConnected) { this.middle.replaceChildren(this.rooms.root); this.rooms.layout(); } else this.rooms.drawAll(); }
    this._fleets(); this._side();
  }

  /** @param {import("./rooms.js").Change} changed */
  changed(changed) {
    this._select();
    if (!this.asTable) this.rooms.update(changed);
    if (changed.zones) this._hour();
    this._sidebar();
    this._hourly();
  }

  /** @param {import("./wire.js").EventView[]} events */
  events(events) { this.strip.news(events); }

  /** @param {KeyboardEvent} event */
  key(event) {
    if (event.key === "t") this.app.pick({ view: this.asTable ? "" : "table" });
    if (event.key === "Escape") this._clear();
  }

  _select() {
    const { zone = "", fleet = "", instance = "" } = this.query || {};
    const z = this.store.zoneAt.get(zone);
    this.rooms.zone = z === undefined ? -1 : z;
    this.rooms.fleet = this.store.fleets.findIndex((one) => one.name === fleet && !one.gone);
    this.instance = instance;
    this.rooms.instance = this.store.at.get(instance) ?? -1;
  }

  /** @param {string} name */
  _pickFleet(name) { this.app.pick({ fleet: this.rooms.fleet >= 0 && this.store.fleets[this.rooms.fleet].name === name ? "" : name }); }

  async _hour() {
    try { this.strip.show(await get(`${this.app.base}/map/hour`)); } catch { /* the next change reads it again */ }
  }

  _fleets() {
    const { store } = this, rows = [];
    for (let f = 0; f < store.fleets.length; f++) {
      const spread = store.spread(f), total = [...spread.values()].reduce((a, b) => a + b, 0);
      if (!store.fleets[f].gone || total) rows.push({ f, spread, total });
    }
    rows.sort((a, b) => b.total - a.total || (store.fleets[a.f].name < store.fleets[b.f].name ? -1 : 1));
    this.count.textContent = number(rows.length);
    this.list.replaceChildren(...rows.map(({ f, spread, total }) => this._fleet(f, spread, total)));
    const options = [el("option", "", "All fleets"), ...rows.map(({ f }) => el("option", "", store.fleets[f].name))];
    options[0].value = "";
    this.select.replaceChildren(...options);
    this.select.value = this.rooms.fleet >= 0 ? store.fleets[this.rooms.fleet].name : "";
  }

  /** @param {number} f @param {Map<number, number>} spread @param {number} total */
  _fleet(f, spread, total) {
    const { store } = this, fleet = store.fleets[f], button = el("button", "fleet"), bars = el("span", "bars");
    button.type = "button"; button.dataset.name = fleet.name;
    button.setAttribute("aria-pressed", String(f === this.rooms.fleet));
    const most = Math.max(1, ...spread.values());
    for (const [z, count] of [...spread].slice(0, 14)) {
      const bar = el("i", store.zones[z].state === "impaired" ? "bad" : store.zones[z].state === "available" ? "" : "go");
      bar.style.height = Math.max(2, 14 * count / most) + "px";
      bar.title = `${store.zones[z].label} ${count}`;
      bars.append(bar);
    }
    bars.append(el("em", "", fleet.strategy === "any" ? "" : fleet.strategy));
    button.append(el("span", "row", el("b", "", fleet.name), el("span", "", total === fleet.nodes || fleet.auto_created ? number(total) : `${number(total)} of ${number(fleet.nodes)}`)), bars);
    return el("li", "", button);
  }

  _side() {
    const parts = [];
    const i = this.instance ? this.store.at.get(this.instance) : undefined;
    if (i !== undefined) parts.push(...this._instance(i));
    else if (this.rooms.zone >= 0) parts.push(...this._zone(this.rooms.zone));
    if (this.rooms.fleet >= 0) parts.push(...this._spread(this.rooms.fleet, !parts.length));
    const picked = parts.length > 0;
    if (picked) parts.unshift(this._close()); else parts.push(...this._overview());
    parts.push(...this._waiting());
    this.side.replaceChildren(...parts);
    this.side.classList.toggle("open", picked || this._nothing());
  }

  _close() {
    const close = el("button", "close", "×");
    close.type = "button"; close.setAttribute("aria-label", "Close the inspector");
    close.addEventListener("click", () => this._clear());
    return close;
  }

  _clear() { this.app.pick({ zone: "", fleet: "", instance: "" }); }

  _nothing() { return !this.store.count && this.store.fleets.every((fleet) => fleet.gone); }

  _overview() {
    if (!this._nothing()) return [el("h2", "", "All zones"), el("p", "sub", "Pick a zone, a fleet or a square to see more.")];
    return [
      el("h2", "", "Nothing runs yet"), el("p", "sub", "Apply a first file, and its instances appear here:"),
      el("pre", "", "atoll apply -f examples/quickstart.atoll.yml"),
      el("p", "", "Or see on the ", Object.assign(el("a", "", "Plan page"), { href: this.app.link("plan") }), " where a file would go, without applying it."),
    ];
  }

  /** @param {number} z */
  _zone(z) {
    const { store } = this, view = store.zones[z], held = store.held(z);
    const busy = held.filter((i) => store.state[i] === BUSY).length, lost = held.filter((i) => store.state[i] === LOST).length;
    const volumes = store.volumes.filter((volume) => volume.zone === view.key);
    const parts = [el("h2", "", view.label), el("p", "sub", [view.zone.zone_id, view.zone.backend, view.zone.region].filter(Boolean).join(" · "))];
    parts.push(facts([
      ["State", view.state.replaceAll("-", " ")],
      ["Instances", `${number(held.length)}, ${number(busy)} busy${lost ? `, ${number(lost)} lost` : ""}`],
      ["Volumes", volumes.length ? volumes.map((volume) => volume.name).slice(0, 6).join(", ") : "none"],
      ["Paid here", hourly(held.reduce((sum, i) => sum + store.price[i], 0))],
    ]));
    if (view.reason) parts.push(el("p", "note", `${view.reason}${view.until ? ", until " + moment(view.until) : ""}`));
    for (const out of view.left_out) parts.push(el("p", "note left", `${out.what || "the zone"}: ${out.why}${out.until ? ", left out until " + moment(out.until) : ""}`));
    const runs = [...new Set(held.map((i) => store.run[i]).filter(Boolean))];
    if (runs.length) parts.push(el("h4", "", "Runs here"), el("p", "", ...runs.slice(0, 12).flatMap((run, k) => [k ? ", " : "", Object.assign(el("a", "", run), { href: this.app.link("runs/" + encodeURIComponent(run)) })]), runs.length > 12 ? ` and ${runs.length - 12} more` : ""));
    parts.push(el("p", "", Object.assign(el("a", "", "What if it is lost?"), { href: this.app.link("what-if", { zone: view.key }) })));
    const buttons = closing(this.app, view);
    if (buttons) parts.push(buttons);
    if (view.faults && this.app.me.admin) parts.push(this._outage(view));
    return parts;
  }

  /** @param {import("./wire.js").MapZone} view */
  _outage(view) {
    const failed = view.state === "impaired", button = el("button", failed ? "do" : "", failed ? "End the outage" : "Simulate an outage");
    button.type = "button";
    button.addEventListener("click", async () => {
      const z = this.store.zoneAt.get(view.key), count = z === undefined ? 0 : this.store.held(z).length;
      if (!failed && !await ask(`Simulate an outage of ${view.label}?`, `Its ${plural(count, "instance dies", "instances die")}, and new ones are refused until you end the outage.`, "Simulate the outage", count ? view.label : undefined)) return;
      const { backend, region, name } = view.zone;
      await this.app.attempt(() => post(`${this.app.base}/zones/${[backend, region, name].map(encodeURIComponent).join("/")}/${failed ? "restore" : "fail"}`));
    });
    return el("div", "acts", button);
  }

  /** @param {number} i */
  _instance(i) {
    const { store } = this, fleet = store.fleets[store.fleet[i]], view = store.zones[store.zone[i]];
    const run = store.run[i] ? Object.assign(el("a", "", store.run[i]), { href: this.app.link("runs/" + encodeURIComponent(store.run[i])) }) : "none";
    return [el("h2", "", `${fleet.name}-${store.node[i]}`), el("p", "sub", `instance ${store.id[i]}`), facts([
      ["State", STATES[store.state[i]]], ["Zone", view.label], ["Type", store.type[i]], ["Run", run], ["Price", hourly(store.price[i])],
    ])];
  }

  /** @param {number} f @param {boolean} alone */
  _spread(f, alone) {
    const { store } = this, fleet = store.fleets[f], spread = [...store.spread(f)], most = Math.max(1, ...spread.map(([, count]) => count)), grid = el("div", "mini");
    for (const [z, count] of spread) {
      const bar = el("i", store.zones[z].state === "impaired" ? "bad" : store.zones[z].state === "available" ? "" : "go");
      bar.style.width = 100 * count / most + "%";
      grid.append(el("span", "", store.zones[z].label), bar, el("u", "", number(count)));
    }
    return [alone ? el("h2", "", fleet.name) : null, el("h4", "", `${fleet.name} over its zones`), grid, fleet.message ? el("p", "note", prose(fleet.message)) : null].filter(Boolean);
  }

  _waiting() {
    const { waiting } = this.store;
    if (!waiting.length) return [];
    return [el("h4", "", "Waiting"), ...waiting.slice(0, 20).map((one) => el("div", "wait", el("b", "", one.name), el("small", "", ` ${one.kind}, since ${ago(one.since)}`), el("div", "", prose(one.why)))),
      waiting.length > 20 ? el("p", "sub", `and ${waiting.length - 20} more`) : ""].filter(Boolean);
  }

  /** All facts of the map as a table. */
  _table() {
    const { store } = this, rows = [];
    for (let z = 0; z < store.zones.length; z++) {
      const view = store.zones[z], held = store.held(z), counts = [0, 0, 0, 0, 0];
      for (const i of held) counts[store.state[i]]++;
      const link = Object.assign(el("a", "", view.label), { href: this.app.link("zones", { ...this.query, zone: view.key }) });
      const volumes = store.volumes.filter((volume) => volume.zone === view.key).map((volume) => volume.name).join(", ");
      const state = [view.state.replaceAll("-", " "), view.reason, ...view.left_out.map((out) => `${out.what || "zone"}: ${out.why}`)].filter(Boolean).join(", ");
      rows.push([link, view.zone.zone_id || "", view.zone.backend, view.zone.region, state, held.length, ...counts, volumes, money(held.reduce((sum, i) => sum + store.price[i], 0))]);
    }
    const heads = ["Zone", "Id", "Backend", "Region", "State", "Instances", "Busy", "Idle", "Starting", "Leaving", "Lost", "Volumes", "USD an hour"];
    const back = el("button", "", "Show the map (t)");
    back.type = "button";
    back.addEventListener("click", () => this.app.pick({ view: "" }));
    this.middle.replaceChildren(el("div", "page", back, table("Zones and what they hold", heads, rows)));
  }
}
