// @ts-check
// The what-if page: what the loss of a zone, or its closing, would do. Nothing changes.

import { post, Refused } from "./api.js";
import { closing } from "./closing.js";
import { el, hourly, plural, prose, select, shortened, table } from "./dom.js";
import { Rooms } from "./rooms.js";

/** @typedef {import("./wire.js").OutcomeView} Outcome */

const ASSUMPTIONS = [["lost", "is lost, with all that is in it"], ["closed", "takes nothing new"]];

export class WhatIfPage {
  /** @param {import("./main.js").App} app */
  constructor(app) {
    this.app = app;
    this.rooms = new Rooms(app.store);
    this.rooms.plan = { placed: new Map(), refused: new Map() };
    this.zone = select("Zone", []); this.assumption = select("What to assume", ASSUMPTIONS);
    this.each = el("button", "", "Compare all zones");
    this.each.type = "button";
    this.result = el("div", "result");
    this.result.setAttribute("aria-live", "polite");
    this.side = el("aside", "side open", el("h2", "", "What if"), el("p", "sub", "The answer is the plan that the server would make. Nothing changes."),
      el("div", "acts", this.zone, this.assumption), el("div", "acts", this.each), this.result);
    this.root = el("div", "plan-page", el("div", "middle", this.rooms.root), this.side);
    /** @type {Record<string, string>} */ this.query = {};
    this.turn = 0;
    this.zone.addEventListener("change", () => app.pick({ zone: this.zone.value, all: "" }));
    this.assumption.addEventListener("change", () => app.pick({ assume: this.assumption.value === "lost" ? "" : this.assumption.value, all: "" }));
    this.each.addEventListener("click", () => app.pick({ zone: "", all: "1" }));
    this.rooms.onpick = (z) => app.pick({ zone: app.store.zones[z].key, all: "" });
    this._resized = () => this.rooms.resize();
  }

  /** @param {Record<string, string>} query */
  show(query) {
    addEventListener("resize", this._resized);
    const first = Object.assign(el("option", "", "a zone…"), { value: "" });
    this.zone.replaceChildren(first, ...this.app.store.zones.map((view) => Object.assign(el("option", "", view.label), { value: view.key })));
    this.rooms.layout();
    this.requery(query);
  }

  hide() { removeEventListener("resize", this._resized); }
  /** @param {import("./rooms.js").Change} changed */
  changed(changed) { this.rooms.update(changed); }
  events() {}
  key() {}

  /** Another question on the same page. @param {Record<string, string>} query */
  requery(query) {
    this.query = query;
    this.zone.value = query.zone || "";
    this.assumption.value = query.assume === "closed" ? "closed" : "lost";
    this._draw(null);
    this.result.replaceChildren();
    if (query.all) this._answer({ each_zone: true }, (outcomes) => this._compared(outcomes));
    else if (query.zone) this._ask(query.zone);
  }

  /** @param {string} key */
  _ask(key) {
    const view = this.app.store.zones.find((zone) => zone.key === key);
    if (!view) { this.result.replaceChildren(el("p", "note bad", "This zone is not known.")); return; }
    const { backend, region, name } = view.zone, place = { backend, region, name };
    this._answer({ [this.assumption.value]: [place] }, ([outcome]) => {
      this._draw(outcome, view);
      this.result.replaceChildren(el("h3", "", `If ${view.label} ${this.assumption.value === "lost" ? "is lost" : "takes nothing new"}`),
        el("ul", "moves", ...sentences(outcome).map((line) => el("li", "", prose(line)))), closing(this.app, view) || "");
    });
  }

  /** Sends the question; a later question makes its answer obsolete. @param {object} question @param {(outcomes: Outcome[]) => void} show */
  async _answer(question, show) {
    const turn = ++this.turn;
    this.result.replaceChildren(el("p", "sub", "Planning…"));
    try {
      const answer = await post(`${this.app.base}/what-if`, question);
      if (turn === this.turn) show(answer.outcomes);
    } catch (error) {
      if (turn !== this.turn) return;
      const why = error instanceof Refused ? [error.message, error.help].filter(Boolean).join(": ") : "The server does not answer.";
      this.result.replaceChildren(el("p", "note bad", prose(why)));
    }
  }

  /** Where new nodes would be, on the map. @param {Outcome | null} outcome @param {import("./wire.js").MapZone} [lost] */
  _draw(outcome, lost) {
    const placed = new Map(), refused = new Map(), { zones } = this.app.store;
    for (const fleet of outcome?.fleets || []) {
      for (const [name, count] of Object.entries(fleet.new)) {
        const view = zones.find((zone) => zone.label === name);
        if (view) placed.set(view.key, { count: (placed.get(view.key)?.count || 0) + count });
      }
    }
    if (outcome && lost) refused.set(lost.key, this.assumption.value === "lost" ? "lost" : "takes nothing new");
    this.rooms.plan = { placed, refused };
    this.rooms.zone = lost ? zones.indexOf(lost) : -1;
    this.rooms.layout();
  }

  /** A line for the loss of each zone that holds something. @param {Outcome[]} outcomes */
  _compared(outcomes) {
    if (!outcomes.length) { this.result.replaceChildren(el("p", "sub", "The project has nothing in any zone.")); return; }
    const rows = outcomes.map((outcome) => {
      const ends = (/** @type {string} */ effect) => outcome.runs.filter((run) => run.effect === effect).length;
      const view = this.app.store.zones.find((zone) => zone.label === outcome.zone);
      const name = view ? Object.assign(el("a", "", view.label), { href: this.app.link("what-if", { zone: view.key }) }) : outcome.zone;
      const replaced = outcome.fleets.reduce((sum, fleet) => sum + total(fleet.new), 0);
      return [name, outcome.lost, replaced, ends("moves"), ends("waits"), ends("stops"),
        outcome.fleets.filter((fleet) => fleet.survives < 0).map((fleet) => fleet.name).join(", "), hourly(outcome.price_after)];
    });
    this.result.replaceChildren(table("The loss of each zone", ["Zone", "Lost", "Replaced", "Runs move", "Wait", "Stop", "Too few nodes", "Cost after"], rows));
  }
}

/** @param {Record<string, number>} counts */
const total = (counts) => Object.values(counts).reduce((a, b) => a + b, 0);

/** @param {Record<string, number>} counts */
const listed = (counts) => Object.entries(counts).filter(([, count]) => count).sort(([a], [b]) => (a < b ? -1 : 1)).map(([zone, count]) => `${zone} ${count}`).join(", ") || "no nodes";

/**
 * One outcome in the sentences of `atoll what-if`.
 * @param {Outcome} outcome
 */
export function sentences(outcome) {
  const lines = [];
  for (const fleet of outcome.fleets) {
    lines.push(`fleet ${fleet.name}: ${listed(fleet.before)} → ${listed(fleet.after)}`);
    if (fleet.lost) lines.push(`${plural(fleet.lost, "node")} lost, ${total(fleet.new) ? "replaced by " + listed(fleet.new) : "not replaced"}`);
    else if (total(fleet.new)) lines.push(`gets ${listed(fleet.new)}`);
    if (fleet.waits) lines.push(`waits: ${fleet.waits}`);
    lines.push(fleet.survives < 0 ? "has too few nodes then" : fleet.survives === 0 ? "one more lost zone would leave too few nodes"
      : `keeps its nodes after the loss of any ${plural(fleet.survives, "more zone")}`);
  }
  for (const run of outcome.runs) {
    const before = run.before.length ? ` (${run.before.join(", ")})` : "";
    if (run.effect === "moves") lines.push(`run ${run.name} starts again in ${run.after.join(", ")}${before}`);
    else if (run.effect === "starts") lines.push(`run ${run.name} gets its place in ${run.after.join(", ")}`);
    else lines.push(`run ${run.name} ${run.effect}${before}: ${run.reason}`);
  }
  const { volumes } = outcome;
  if (volumes.length) lines.push(`out of reach: volume${volumes.length > 1 ? "s" : ""} ${shortened(volumes)}`);
  if (!outcome.fleets.length && !outcome.runs.length && !volumes.length && !outcome.lost) lines.push("nothing would change");
  if (outcome.price_before !== 0 || outcome.price_after !== 0) lines.push(`cost: ${hourly(outcome.price_before)} → ${hourly(outcome.price_after)}`);
  return lines;
}
