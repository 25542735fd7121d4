// @ts-check
// Runs, fleets, volumes and events: tables of the API's own lists.

import { all, get, post, Refused } from "./api.js";
import { ago, ask, el, facts, hourly, number, paced, prose, table, timeOf } from "./dom.js";
import { Log } from "./logs.js";

/** @typedef {import("./wire.js").RunView} RunView */
/** @typedef {import("./wire.js").EventView} EventView */

const FINAL = ["done", "failed", "stopped"];

/** A page that loads, and loads again when something of its kinds happens. `head` and `foot` stay as they are meanwhile. */
class Listed {
  /** @param {import("./main.js").App} app @param {string[]} kinds */
  constructor(app, kinds) {
    this.app = app;
    this.kinds = kinds;
    this.head = el("div", "");
    this.body = el("div", "");
    this.foot = el("div", "");
    this.root = el("div", "page", this.head, this.body, this.foot);
    this.turn = 0;
    /** @type {Record<string, string>} */ this.query = {};
    this._again = paced(() => { if (this.root.isConnected) this.load(); }, 1000);
  }

  /** @param {Record<string, string>} query */
  show(query) { this.query = query; this.body.replaceChildren(el("p", "sub", "Loading…")); this.load(); }
  /** @param {Record<string, string>} query */
  requery(query) { this.show(query); }
  hide() {}
  changed() {}
  /** @param {EventView[]} events */
  events(events) { if (events.some((event) => this.kinds.includes(event.kind))) this._again(); }
  /** @param {KeyboardEvent} _event */
  key(_event) {}

  async load() {
    const turn = ++this.turn;
    await this.app.attempt(async () => {
      let content;
      try { content = await this.content(); } catch (error) {
        if (!(error instanceof Refused) || error.status !== 404) throw error;
        content = [el("p", "note bad", prose(error.message))];
      }
      if (turn !== this.turn) return;
      const focused = /** @type {any} */ (this.body.contains(document.activeElement) ? document.activeElement : null)?.href;
      this.body.replaceChildren(...content);
      if (focused) [...this.body.querySelectorAll("a")].find((link) => link.href === focused)?.focus({ preventScroll: true });
    });
  }

  /** @returns {Promise<Node[]>} */
  async content() { return []; }

  /** @param {string} key */
  zoneLink(key) {
    const [, , name] = key.split("/"), [, region] = key.split("/");
    return Object.assign(el("a", "", name || region), { href: this.app.link("zones", { zone: key }) });
  }

  /** The zones of a list of views, each once. @param {Array<import("./wire.js").Zone | null>} zones */
  places(zones) {
    const keys = [...new Set(zones.flatMap((zone) => zone ? [`${zone.backend}/${zone.region}/${zone.name}`] : []))];
    return el("span", "", ...keys.slice(0, 6).flatMap((key, k) => [k ? ", " : "", this.zoneLink(key)]), keys.length > 6 ? ` and ${keys.length - 6} more` : "");
  }
}

/** The message of a run or job, or why it failed. @param {RunView | import("./wire.js").JobView} one */
const ending = (one) => one.message || (FINAL.includes(one.status) && one.exit_code !== 0 ? one.reason : "");

/** @param {string} state */
const badge = (state) => el("span", "state s-" + state, state);

export class RunsPage extends Listed {
  /** @param {import("./main.js").App} app */
  constructor(app) { super(app, ["run", "job"]); }

  async content() {
    const finished = this.query.all === "1";
    /** @type {RunView[]} */ const runs = await all(`${this.app.base}/runs${finished ? "?all=1" : ""}`);
    const toggle = Object.assign(el("a", "", finished ? "Hide finished runs" : "Show finished runs too"), { href: this.app.link("runs", finished ? {} : { all: "1" }) });
    const rows = runs.reverse().map((run) => [
      Object.assign(el("a", "", run.name), { href: this.app.link("runs/" + encodeURIComponent(run.name)) }), run.type, badge(run.status), run.jobs.length,
      this.places(run.jobs.map((job) => job.zone)), run.price !== 0 ? hourly(run.price) : "", ago(run.created_at), ending(run),
    ]);
    return [el("h1", "", "Runs"), el("p", "sub", toggle), rows.length ? table("Runs", ["Run", "Type", "State", "Nodes", "Zones", "Price", "Submitted", "Message"], rows) : el("p", "", prose("No run is active: `atoll apply -f FILE` submits one."))];
  }
}

export class RunPage extends Listed {
  /** @param {import("./main.js").App} app @param {string} name */
  constructor(app, name) {
    super(app, ["run", "job"]);
    this.name = name;
    this.log = new Log();
    this.heading = el("h2", "");
    /** The job and attempt whose log is shown. */
    this.followed = "";
    this.foot.append(this.heading, this.log.root);
    this.foot.hidden = true;
  }

  hide() { this.log.stop(); this.followed = ""; }

  async content() {
    const path = `${this.app.base}/runs/${encodeURIComponent(this.name)}`, wanted = +(this.query.job || 0);
    /** @type {RunView} */ const run = await get(path);
    const attempt = `${wanted}.${run.jobs.find((job) => job.rank === wanted)?.submission ?? 0}`;
    if (this.followed !== attempt && this.root.isConnected) {
      this.followed = attempt;
      this.foot.hidden = false;
      this.heading.textContent = `Log of job ${wanted}`;
      this.log.follow(`${path}/logs?job=${wanted}`);
    }
    const rows = run.jobs.map((job) => [
      Object.assign(el("a", "", `job ${job.rank}`), { href: this.app.link("runs/" + encodeURIComponent(this.name), { job: String(job.rank) }) }),
      badge(job.status), this.places([job.zone]), job.instance || "", job.instance_type || "", job.submission + 1, job.exit_code ?? "", ending(job),
    ]);
    const parts = [el("h1", "", run.name, " ", badge(run.status)), facts([["Type", run.type], ["Submitted", timeOf(run.created_at)], ["Price", hourly(run.price)]])];
    if (ending(run)) parts.push(el("p", "note", prose(ending(run))));
    if (!FINAL.includes(run.status)) {
      const stop = el("button", "", "Stop the run");
      stop.type = "button";
      stop.addEventListener("click", async () => {
        if (await ask(`Stop ${run.name}?`, "Its jobs get SIGTERM, and are killed after their grace period.", "Stop the run")) await this.app.attempt(() => post(`${path}/stop`, {}));
      });
      parts.push(el("div", "acts", stop));
    }
    parts.push(table("Jobs", ["Job", "State", "Zone", "Instance", "Type", "Attempt", "Exit code", "Message"], rows));
    return parts;
  }
}

export class FleetsPage extends Listed {
  /** @param {import("./main.js").App} app */
  constructor(app) { super(app, ["fleet", "instance"]); }

  async content() {
    /** @type {import("./wire.js").FleetView[]} */ const fleets = await all(`${this.app.base}/fleets`);
    const rows = fleets.map((fleet) => [
      Object.assign(el("a", "", fleet.name), { href: this.app.link("zones", { fleet: fleet.name }) }), badge(fleet.status), `${fleet.instances.length} of ${fleet.nodes}`,
      fleet.strategy, this.places(fleet.instances.map((one) => one.zone)), hourly(fleet.price), ago(fleet.created_at), fleet.message,
    ]);
    return [el("h1", "", "Fleets"), rows.length ? table("Fleets", ["Fleet", "State", "Nodes", "Placement", "Zones", "Price", "Created", "Message"], rows) : el("p", "", prose("There is no fleet yet: `atoll apply -f FILE` creates one."))];
  }
}

export class VolumesPage extends Listed {
  /** @param {import("./main.js").App} app */
  constructor(app) { super(app, ["volume", "attachment"]); }

  async content() {
    /** @type {import("./wire.js").VolumeView[]} */ const volumes = await all(`${this.app.base}/volumes`);
    const rows = volumes.map((volume) => [
      volume.name, badge(volume.status), `${number(volume.size_gb)} GB`, volume.backend, volume.zone ? this.places([volume.zone]) : "in the zone of its first use", volume.attached_to.join(", "), ago(volume.created_at), volume.message,
    ]);
    return [el("h1", "", "Volumes"), rows.length ? table("Volumes", ["Volume", "State", "Size", "Backend", "Zone", "Attached to", "Created", "Message"], rows) : el("p", "", prose("There is no volume yet: `atoll apply -f FILE` creates one."))];
  }
}

export class EventsPage extends Listed {
  /** @param {import("./main.js").App} app */
  constructor(app) {
    super(app, ["fleet", "instance", "volume", "attachment", "run", "job", "project", "member", "secret", "zone", "closure", "move"]);
    const form = el("form", "filters");
    this.kind = el("select", "");
    this.name = el("input", "");
    this.kind.setAttribute("aria-label", "Kind");
    this.name.setAttribute("aria-label", "Name");
    this.name.placeholder = "name";
    this.kind.append(...["", ...this.kinds].map((kind) => Object.assign(el("option", "", kind || "all kinds"), { value: kind })));
    form.append(this.kind, this.name, el("button", "", "Filter"));
    form.addEventListener("submit", (/** @type {Event} */ event) => { event.preventDefault(); this.app.pick({ kind: this.kind.value, name: this.name.value.trim() }); });
    this.head.append(el("h1", "", "Events"), form);
  }

  /** @param {Record<string, string>} query */
  show(query) {
    this.kind.value = query.kind || "";
    this.name.value = query.name || "";
    super.show(query);
  }

  async content() {
    const query = new URLSearchParams({ last: "300" });
    if (this.query.kind) query.set("kind", this.query.kind);
    if (this.query.name) query.set("name", this.query.name);
    /** @type {EventView[]} */ let events = (await get(`${this.app.base}/events?${query}`)).reverse();
    if (this.query.zone) events = events.filter((event) => event.zone && `${event.zone.backend}/${event.zone.region}/${event.zone.name}` === this.query.zone);
    const rows = events.map((event) => [
      timeOf(event.time), event.kind, event.name, event.from_state === event.to_state ? event.reason : `${event.from_state} → ${event.to_state}`.replace(/^ → /, ""),
      event.zone ? this.places([event.zone]) : "", event.from_state === event.to_state ? "" : event.reason, event.actor, event.message,
    ]);
    return [rows.length ? table("Events", ["Time", "Kind", "Name", "Change", "Zone", "Reason", "User", "Message"], rows) : el("p", "", "No event matches.")];
  }
}
