// @ts-check
// Runs, fleets, volumes and events: tables of the API's own lists.

import { all, get, post } from "./api.js";
import { ago, ask, el, facts, money, number, paced, prose, table, timeOf } from "./dom.js";
import { Log } from "./logs.js";

const FINAL = ["done", "failed", "stopped"];

/** A page that loads, and loads again when something of its kinds happens. */
class Listed {
  /** @param {import("./main.js").App} app @param {string[]} kinds */
  constructor(app, kinds) {
    this.app = app;
    this.kinds = kinds;
    this.root = el("div", "page");
    /** @type {Record<string, string>} */ this.query = {};
    this._again = paced(() => { if (this.root.isConnected) this.load(); }, 1000);
  }

  /** @param {Record<string, string>} query */
  show(query) { this.query = query; this.root.replaceChildren(el("p", "sub", "Loading…")); this.load(); }
  /** @param {Record<string, string>} query */
  requery(query) { this.show(query); }
  hide() {}
  changed() {}
  /** @param {any[]} events */
  events(events) { if (events.some((event) => this.kinds.includes(event.kind))) this._again(); }
  /** @param {KeyboardEvent} _event */
  key(_event) {}

  async load() {
    await this.app.attempt(async () => this.root.replaceChildren(...await this.content()));
  }

  /** @returns {Promise<Node[]>} */
  async content() { return []; }

  /** @param {string} key */
  zoneLink(key) {
    const [, , name] = key.split("/"), [, region] = key.split("/");
    return Object.assign(el("a", "", name || region), { href: this.app.link("zones", { zone: key }) });
  }

  /** The zones of a list of views, each once. @param {any[]} zones */
  places(zones) {
    const keys = [...new Set(zones.filter(Boolean).map((zone) => `${zone.backend}/${zone.region}/${zone.name}`))];
    return el("span", "", ...keys.slice(0, 6).flatMap((key, k) => [k ? ", " : "", this.zoneLink(key)]), keys.length > 6 ? ` and ${keys.length - 6} more` : "");
  }
}

/** The message of a run or job, or why it failed. @param {any} one */
const ending = (one) => one.message || (FINAL.includes(one.status) && one.exit_code !== 0 ? one.reason : "");

/** @param {string} state */
const badge = (state) => el("span", "state s-" + state, state);

export class RunsPage extends Listed {
  /** @param {import("./main.js").App} app */
  constructor(app) { super(app, ["run", "job"]); }

  async content() {
    const finished = this.query.all === "1", runs = await all(`${this.app.base}/runs${finished ? "?all=1" : ""}`);
    const toggle = Object.assign(el("a", "", finished ? "Hide finished runs" : "Show finished runs too"), { href: this.app.link("runs", finished ? {} : { all: "1" }) });
    const rows = runs.reverse().map((run) => [
      Object.assign(el("a", "", run.name), { href: this.app.link("runs/" + encodeURIComponent(run.name)) }), run.type, badge(run.status), run.jobs.length,
      this.places(run.jobs.map((/** @type {any} */ job) => job.zone)), run.price ? money(run.price) + "/h" : "", ago(run.created_at), ending(run),
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
    this.job = -1;
  }

  hide() { this.log.stop(); }

  async content() {
    const path = `${this.app.base}/runs/${encodeURIComponent(this.name)}`, run = await get(path), wanted = +(this.query.job || 0);
    if (this.job !== wanted) { this.job = wanted; this.log.follow(`${path}/logs?job=${wanted}`); }
    const rows = run.jobs.map((/** @type {any} */ job) => [
      Object.assign(el("a", "", `job ${job.rank}`), { href: this.app.link("runs/" + encodeURIComponent(this.name), { job: String(job.rank) }) }),
      badge(job.status), this.places([job.zone]), job.instance || "", job.instance_type || "", job.submission + 1, job.exit_code ?? "", ending(job),
    ]);
    const parts = [el("h1", "", run.name, " ", badge(run.status)), facts([["Type", run.type], ["Submitted", timeOf(run.created_at)], ["Price", money(run.price) + "/h"]])];
    if (ending(run)) parts.push(el("p", "note", prose(ending(run))));
    if (!FINAL.includes(run.status)) {
      const stop = el("button", "", "Stop the run");
      stop.type = "button";
      stop.addEventListener("click", async () => {
        if (await ask(`Stop ${run.name}?`, "Its jobs get SIGTERM, and are killed after their grace period.", "Stop the run")) await this.app.attempt(() => post(`${path}/stop`, {}));
      });
      parts.push(el("div", "acts", stop));
    }
    parts.push(table("Jobs", ["Job", "State", "Zone", "Instance", "Type", "Attempt", "Exit code", "Message"], rows), el("h2", "", `Log of job ${this.job}`), this.log.root);
    return parts;
  }
}

export class FleetsPage extends Listed {
  /** @param {import("./main.js").App} app */
  constructor(app) { super(app, ["fleet", "instance"]); }

  async content() {
    const fleets = await all(`${this.app.base}/fleets`);
    const rows = fleets.map((fleet) => [
      Object.assign(el("a", "", fleet.name), { href: this.app.link("zones", { fleet: fleet.name }) }), badge(fleet.status), `${fleet.instances.length} of ${fleet.nodes}`,
      fleet.strategy, this.places(fleet.instances.map((/** @type {any} */ one) => one.zone)), money(fleet.price) + "/h", ago(fleet.created_at), fleet.message,
    ]);
    return [el("h1", "", "Fleets"), rows.length ? table("Fleets", ["Fleet", "State", "Nodes", "Placement", "Zones", "Price", "Created", "Message"], rows) : el("p", "", prose("There is no fleet yet: `atoll apply -f FILE` creates one."))];
  }
}

export class VolumesPage extends Listed {
  /** @param {import("./main.js").App} app */
  constructor(app) { super(app, ["volume", "attachment"]); }

  async content() {
    const volumes = await all(`${this.app.base}/volumes`);
    const rows = volumes.map((volume) => [
      volume.name, badge(volume.status), `${number(volume.size_gb)} GB`, volume.backend, volume.zone ? this.places([volume.zone]) : "in the zone of its first use", volume.attached_to.join(", "), ago(volume.created_at), volume.message,
    ]);
    return [el("h1", "", "Volumes"), rows.length ? table("Volumes", ["Volume", "State", "Size", "Backend", "Zone", "Attached to", "Created", "Message"], rows) : el("p", "", prose("There is no volume yet: `atoll apply -f FILE` creates one."))];
  }
}

export class EventsPage extends Listed {
  /** @param {import("./main.js").App} app */
  constructor(app) { super(app, ["fleet", "instance", "volume", "attachment", "run", "job", "project", "member", "secret", "zone", "closure", "move"]); }

  async content() {
    const query = new URLSearchParams({ last: "300" });
    if (this.query.kind) query.set("kind", this.query.kind);
    if (this.query.name) query.set("name", this.query.name);
    let events = (await get(`${this.app.base}/events?${query}`)).reverse();
    if (this.query.zone) events = events.filter((/** @type {any} */ event) => event.zone && `${event.zone.backend}/${event.zone.region}/${event.zone.name}` === this.query.zone);
    const form = el("form", "filters"), kind = el("select", ""), name = el("input", "");
    kind.setAttribute("aria-label", "Kind"); name.setAttribute("aria-label", "Name"); name.placeholder = "name"; name.value = this.query.name || "";
    for (const option of ["", ...this.kinds]) kind.append(Object.assign(el("option", "", option || "all kinds"), { value: option, selected: option === (this.query.kind || "") }));
    form.append(kind, name, el("button", "", "Filter"));
    form.addEventListener("submit", (/** @type {Event} */ event) => { event.preventDefault(); this.app.pick({ kind: kind.value, name: name.value }); });
    const rows = events.map((/** @type {any} */ event) => [
      timeOf(event.time), event.kind, event.name, event.from_state === event.to_state ? event.reason : `${event.from_state} → ${event.to_state}`.replace(/^ → /, ""),
      event.zone ? this.places([event.zone]) : "", event.from_state === event.to_state ? "" : event.reason, event.actor, event.message,
    ]);
    return [el("h1", "", "Events"), form, rows.length ? table("Events", ["Time", "Kind", "Name", "Change", "Zone", "Reason", "User", "Message"], rows) : el("p", "", "No event matches.")];
  }
}
