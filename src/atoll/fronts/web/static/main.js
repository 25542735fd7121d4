// @ts-check
// The page: its session, the map's data with its stream of changes, and a page for each address.

import { get, Refused, send, setCsrf } from "./api.js";
import { byId, el, hourly, number, paced, prose } from "./dom.js";
import { login } from "./login.js";
import { PlanPage } from "./plan.js";
import { BUSY, LOST, Store } from "./store.js";
import { EventsPage, FleetsPage, RunPage, RunsPage, VolumesPage } from "./tables.js";
import { WhatIfPage } from "./whatif.js";
import { ZonesPage } from "./zones.js";

const PAGES = [["zones", "Zones"], ["runs", "Runs"], ["fleets", "Fleets"], ["volumes", "Volumes"], ["plan", "Plan"], ["what-if", "What if"], ["events", "Events"]];
const RETRY_MS = 2000;
/** @type {import("./wire.js").SessionView} */
const NO_SESSION = { user: "", admin: false, projects: {}, csrf: "" };

export class App {
  constructor() {
    this.store = new Store();
    this.me = NO_SESSION;
    this.project = "";
    /** @type {any} */ this.page = null;
    this.pageName = "";
    /** @type {EventSource | null} */ this.stream = null;
    this._totals = paced(() => this._count(), 250);
    addEventListener("hashchange", () => this.route());
    addEventListener("keydown", (event) => this._key(event));
    document.addEventListener("visibilitychange", () => { if (document.hidden) this._quiet(); else this._retry(); });
    byId("find").addEventListener("change", () => this._find(byId("find").value.trim()));
    byId("project").addEventListener("change", () => { location.hash = `#/${byId("project").value}/zones`; });
    byId("leave").addEventListener("click", () => this.attempt(async () => { await send("DELETE", "/web/session"); location.reload(); }));
  }

  get base() { return `/api/projects/${encodeURIComponent(this.project)}`; }

  /** The address of a page with its selection. @param {string} page @param {Record<string, string>} [query] */
  link(page, query = {}) {
    const kept = Object.entries(query).filter(([, value]) => value);
    return `#/${this.project}/${page}${kept.length ? "?" + new URLSearchParams(kept) : ""}`;
  }

  /** Changes the selection, and with it the address. @param {Record<string, string>} changes */
  pick(changes) {
    const { page, query } = this._address();
    location.hash = this.link(page, { ...query, ...changes });
  }

  async start() {
    this.me = NO_SESSION;
    /** @type {string | undefined} */ let why;
    if (location.pathname !== "/web/login") {
      try { this.me = await get("/web/me"); } catch (error) {
        if (!(error instanceof Refused)) why = "The server does not answer: reload the page once it is back.";
      }
    }
    if (!this.me.user) this.me = await login(byId("page"), why);
    setCsrf(this.me.csrf);
    this.project = "";
    const names = Object.keys(this.me.projects).sort();
    byId("project").replaceChildren(...names.map((name) => el("option", "", name)));
    byId("leave").textContent = `${this.me.user} · log out`;
    document.body.classList.add("in");
    if (!names.length) { byId("page").replaceChildren(el("p", "login", prose("You are in no project yet: ask an admin for `atoll project add-member`."))); return; }
    await this.route();
  }

  async route() {
    if (!this.me.user) return;
    const { project, page, query } = this._address();
    if (project !== this.project || !this.store.zones.length) {
      this.project = project;
      if (!await this._load()) return;
    }
    byId("project").value = this.project;
    byId("home").href = this.link("zones");
    byId("nav").replaceChildren(...PAGES.map(([name, title]) => {
      const link = Object.assign(el("a", "", title), { href: this.link(name) });
      if (name === page.split("/")[0]) link.setAttribute("aria-current", "page");
      return link;
    }));
    document.title = `${(PAGES.find(([name]) => name === page.split("/")[0]) || ["", "Zones"])[1]} · atoll`;
    if (page === this.pageName && this.page) { this.page.requery(query); return; }
    this.page?.hide();
    byId("tip").hidden = true;
    this.pageName = page;
    this.page = this._made(page);
    byId("page").replaceChildren(this.page.root);
    this.page.show(query);
    document.body.dataset.page = page.split("/")[0];
  }

  /** Does something for the user; a refusal is shown. @param {() => Promise<any>} run */
  async attempt(run) {
    try { await run(); } catch (error) {
      if (error instanceof Refused && error.status === 401) { location.reload(); return; }
      this._say(error instanceof Refused ? `${error.message}${error.help ? " (" + error.help + ")" : ""}` : "the server does not answer");
    }
  }

  /** @param {string} page */
  _made(page) {
    const [name, detail] = page.split("/");
    if (name === "runs" && detail) return new RunPage(this, decodeURIComponent(detail));
    /** @type {Record<string, any>} */
    const kinds = { zones: ZonesPage, plan: PlanPage, runs: RunsPage, fleets: FleetsPage, volumes: VolumesPage, events: EventsPage, "what-if": WhatIfPage };
    return new (kinds[name] || ZonesPage)(this);
  }

  _address() {
    const [path, search = ""] = location.hash.slice(1).split("?"), [, project = "", page = "", ...rest] = path.split("/");
    const known = Object.keys(this.me.projects), first = known.includes("main") ? "main" : known.sort()[0] || "main";
    return { project: decodeURIComponent(project) || first, page: [page || "zones", ...rest].join("/"), query: Object.fromEntries(new URLSearchParams(search)) };
  }

  /** The whole map, and its stream from there. */
  async _load() {
    this._quiet();
    try {
      this.store.load(await get(`${this.base}/map`));
    } catch (error) {
      if (error instanceof Refused && error.status === 401) { this._leave(); document.body.classList.remove("in"); this.me = NO_SESSION; await this.start(); return false; }
      if (error instanceof Refused && error.status < 500) { this._leave(); byId("page").replaceChildren(el("p", "login", prose(error.message), " ", prose(error.help))); return false; }
      this._live("away");
      setTimeout(() => this._retry(), RETRY_MS);
      return false;
    }
    this._count();
    this._names();
    if (this.page) { const { query } = this._address(); this.page.hide(); this.page.show(query); }
    this._follow();
    return true;
  }

  _quiet() { this.stream?.close(); this.stream = null; }

  /** Forgets the page that is shown, so that the next address makes a new one. */
  _leave() { this.page?.hide(); this.page = null; this.pageName = ""; }

  /** Loads the map again where no stream of changes is open. */
  async _retry() {
    if (this.stream || document.hidden || !this.me.user) return;
    if (await this._load() && !this.page) await this.route();
  }

  _follow() {
    const stream = this.stream = new EventSource(`${this.base}/stream?after=${this.store.seq}`);
    stream.addEventListener("open", () => this._live("live"));
    stream.addEventListener("change", (event) => {
      const changed = this.store.apply(JSON.parse(/** @type {MessageEvent} */ (event).data));
      this.page?.changed(changed);
      this._totals();
    });
    stream.addEventListener("events", (event) => this.page?.events(JSON.parse(/** @type {MessageEvent} */ (event).data)));
    stream.addEventListener("reload", () => this._load());
    stream.addEventListener("error", () => {
      this._live("away");
      // A browser gives up for good after a refusal, and tries by itself after a lost connection.
      if (stream.readyState === EventSource.CLOSED) { this._quiet(); setTimeout(() => this._retry(), RETRY_MS); }
    });
  }

  /** @param {"live" | "away"} state */
  _live(state) {
    const live = byId("live");
    live.classList.toggle("away", state === "away");
    live.replaceChildren(el("i"), state === "live" ? "live" : "no connection, trying again");
  }

  _count() {
    const { store } = this, states = [0, 0, 0, 0, 0];
    let paid = 0;
    for (const i of store.at.values()) { states[store.state[i]]++; paid += store.price[i]; }
    /** @type {Array<[string, string, boolean]>} */
    const rows = [[number(store.count), "instances", false], [number(states[BUSY]), "busy", false], [number(states[LOST]), "lost", states[LOST] > 0], [number(store.waiting.length), "waiting", store.waiting.length > 0], [hourly(paid), "", false]];
    byId("totals").replaceChildren(...rows.map(([value, what, warn]) => el("span", warn ? "warn" : "", el("b", "", value), " ", what)));
  }

  _names() {
    const { store } = this, names = new Set([...store.zones.map((zone) => zone.label), ...store.fleets.filter((fleet) => !fleet.gone).map((fleet) => fleet.name), ...[...store.at.values()].map((i) => store.run[i]).filter(Boolean)]);
    byId("names").replaceChildren(...[...names].slice(0, 500).map((name) => Object.assign(el("option"), { value: name })));
  }

  /** Goes to the zone, fleet, run or instance of a name. @param {string} name */
  _find(name) {
    if (!name) return;
    const { store } = this, lower = name.toLowerCase();
    const zone = store.zones.find((one) => [one.label, one.zone.zone_id, one.key].some((text) => text && text.toLowerCase() === lower));
    const fleet = store.fleets.find((one) => one.name === name && !one.gone);
    const instance = [...store.at.values()].find((i) => `${store.fleets[store.fleet[i]].name}-${store.node[i]}` === name || store.id[i] === name);
    if (zone) location.hash = this.link("zones", { zone: zone.key });
    else if (fleet) location.hash = this.link("zones", { fleet: name });
    else if (instance !== undefined) location.hash = this.link("zones", { zone: store.zones[store.zone[instance]].key, instance: store.id[instance] });
    else location.hash = this.link("runs/" + encodeURIComponent(name));
    byId("find").value = "";
  }

  /** @param {KeyboardEvent} event */
  _key(event) {
    const at = /** @type {any} */ (event.target);
    if (event.ctrlKey || event.metaKey || event.altKey || byId("question").open) return;
    if (["INPUT", "TEXTAREA", "SELECT"].includes(at.tagName)) { if (event.key === "Escape") at.blur(); return; }
    if (event.key === "/") { event.preventDefault(); byId("find").focus(); return; }
    this.page?.key(event);
  }

  /** @param {string} text */
  _say(text) {
    const note = el("div", "toast", text);
    note.setAttribute("role", "alert");
    document.body.append(note);
    setTimeout(() => note.remove(), 8000);
  }
}

performance.mark("started");
export const app = new App();
app.start().then(() => requestAnimationFrame(() => requestAnimationFrame(() => { document.body.dataset.ready = "1"; performance.mark("painted"); })));
