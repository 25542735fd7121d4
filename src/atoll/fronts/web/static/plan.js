// @ts-check
// The plan page: paste, drop or pick a file; the map shows where it would go, or why not.

import { post, Refused } from "./api.js";
import { el, facts, hourly, number, plural, prose } from "./dom.js";
import { Rooms } from "./rooms.js";

const EXAMPLE = "type: fleet\nname: web\nnodes: 3\nplacement: spread\nresources:\n  cpu: 2\n  memory: 2GB..\n";

export class PlanPage {
  /** @param {import("./main.js").App} app */
  constructor(app) {
    this.app = app;
    this.rooms = new Rooms(app.store);
    this.rooms.plan = { placed: new Map(), refused: new Map() };
    this.text = el("textarea", "file");
    this.text.setAttribute("aria-label", "Configuration");
    this.text.spellcheck = false;
    this.text.placeholder = EXAMPLE;
    this.name = "page.atoll.yml";
    this.picker = el("input", "");
    this.picker.type = "file"; this.picker.accept = ".yml,.yaml"; this.picker.setAttribute("aria-label", "A configuration file");
    this.button = el("button", "do", "Plan");
    this.button.type = "button";
    this.result = el("div", "result");
    this.result.setAttribute("aria-live", "polite");
    this.side = el("aside", "side open", el("h2", "", "Plan"), el("p", "sub", "Paste a file, drop one here, or pick one. Nothing is created."), this.text, el("div", "acts", this.button, this.picker), this.result);
    this.middle = el("div", "middle", this.rooms.root);
    this.root = el("div", "plan-page", this.middle, this.side);
    /** @type {import("./wire.js").PlanResponse | null} */ this.answer = null;
    this.shown = 0;
    this.button.addEventListener("click", () => this.plan());
    this.text.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => { if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) this.plan(); });
    this.picker.addEventListener("change", () => this._file(this.picker.files[0]));
    this.root.addEventListener("dragover", (/** @type {DragEvent} */ event) => event.preventDefault());
    this.root.addEventListener("drop", (/** @type {DragEvent} */ event) => { event.preventDefault(); if (event.dataTransfer?.files[0]) this._file(event.dataTransfer.files[0]); });
    this.rooms.onpick = (z) => { const why = this.rooms.plan?.refused.get(app.store.zones[z].key); if (why) this.result.querySelector(".picked")?.replaceChildren(el("b", "", app.store.zones[z].label), el("div", "", why)); };
    this._resized = () => this.rooms.resize();
  }

  show() { addEventListener("resize", this._resized); this.rooms.layout(); }
  requery() {}
  hide() { removeEventListener("resize", this._resized); }
  /** @param {import("./rooms.js").Change} changed */
  changed(changed) { this.rooms.update(changed); }
  events() {}
  key() {}

  /** @param {File} file */
  async _file(file) {
    if (!file) return;
    if (file.size > 1 << 20) { this.result.replaceChildren(el("p", "note bad", `${file.name} is larger than 1 MiB`)); return; }
    this.name = file.name;
    this.text.value = await file.text();
    this.plan();
  }

  async plan() {
    this.button.disabled = true;
    try {
      this.answer = await post(`${this.app.base}/plan`, { files: [{ name: this.name, text: this.text.value || EXAMPLE }] });
      this.shown = 0;
      this._render();
    } catch (error) {
      this._clear();
      if (error instanceof Refused) this.result.replaceChildren(...this._problem(error));
      else this.result.replaceChildren(el("p", "note bad", "The server does not answer."));
    } finally { this.button.disabled = false; }
  }

  _clear() {
    this.rooms.plan = { placed: new Map(), refused: new Map() };
    this.rooms.layout();
  }

  /** @param {Refused} error */
  _problem(error) {
    if (!error.diagnostics.length) return [el("p", "note bad", prose(error.message)), el("p", "sub", prose(error.help))];
    return error.diagnostics.map((one) => el("div", "card", el("h3", one.severity === "warning" ? "" : "bad", prose(`${one.severity}: ${one.message}`)),
      one.span ? el("p", "sub", `${one.span.file}:${one.span.line}:${one.span.column}`) : null, ...one.notes.map((note) => el("p", "", prose(note))), one.help ? el("p", "", prose(one.help)) : null));
  }

  _render() {
    if (!this.answer) return;
    const { plan, diagnostics } = this.answer, { documents } = plan, document = documents[this.shown];
    if (!document) { this._clear(); this.result.replaceChildren(el("p", "sub", "Nothing to place: everything is unchanged.")); return; }
    const placed = new Map(), refused = new Map();
    for (const node of document.nodes) {
      const key = `${node.backend}/${node.region}/${node.zone}`, entry = placed.get(key) || { count: 0, price: 0 };
      entry.count++; if (node.source === "new") entry.price += node.price ?? Infinity;
      placed.set(key, entry);
    }
    if (document.zone) placed.set(`${document.zone.backend}/${document.zone.region}/${document.zone.name}`, { count: 1, price: document.price ?? Infinity });
    for (const refusal of document.refusals) refused.set(`${refusal.scope.backend}/${refusal.scope.region}/${refusal.scope.zone}`, refusal.message);
    this.rooms.plan = { placed, refused };
    this.rooms.layout();
    const parts = [];
    if (documents.length > 1) {
      const choice = el("select", "");
      choice.setAttribute("aria-label", "Document");
      documents.forEach((one, k) => choice.append(Object.assign(el("option", "", `${one.kind} ${one.name}`), { value: String(k), selected: k === this.shown })));
      choice.addEventListener("change", () => { this.shown = +choice.value; this._render(); });
      parts.push(choice);
    }
    parts.push(el("h3", document.shortfall ? "bad" : "", document.shortfall ? "Does not fit" : "Fits"));
    parts.push(facts([
      ["Placed", document.kind === "volume" ? (document.zone ? "yes" : "at its first use") : plural(document.nodes.length, "node")],
      ["Where", [...placed.keys()].map((key) => key.split("/").slice(2).join("/") || key.split("/")[1]).join(", ") || "nowhere"],
      ["Price", hourly(document.price)], ["Zones not used", number(refused.size)],
      ...(document.shortfall ? [] : [/** @type {[string, string]} */ (["Proven cheapest", plan.proven ? "yes" : `no: ${plan.note}`])]),
    ]));
    if (document.shortfall) {
      parts.push(el("p", "note bad", prose(document.shortfall.message)));
      if (document.shortfall.cures.length) parts.push(el("h4", "", "What would make it fit"), el("ul", "cures", ...document.shortfall.cures.map((cure) => el("li", "", prose(cure.message)))));
    }
    for (const note of document.notes) parts.push(el("p", "note", prose(note)));
    for (const one of diagnostics) parts.push(el("p", "note", prose(`${one.severity}: ${one.message}`)));
    parts.push(el("div", "picked"), ...this._reasons(document));
    this.result.replaceChildren(...parts);
  }

  /** @param {import("./wire.js").PlanResponse["plan"]["documents"][number]} document */
  _reasons(document) {
    if (!document.refusals.length) return [];
    /** @type {Map<string, string[]>} */ const groups = new Map();
    for (const refusal of document.refusals) (groups.get(refusal.message) || groups.set(refusal.message, []).get(refusal.message) || []).push(refusal.scope.zone || refusal.scope.region);
    const items = [...groups].sort((a, b) => b[1].length - a[1].length).slice(0, 40).map(([why, zones]) => el("li", "", el("i", "", number(zones.length)), el("span", "", el("b", "", prose(why)), el("div", "sub", zones.slice(0, 4).join(", ") + (zones.length > 4 ? ` and ${zones.length - 4} more` : "")))));
    return [el("h4", "", "Why not the others"), el("ul", "card reasons", ...items)];
  }
}
