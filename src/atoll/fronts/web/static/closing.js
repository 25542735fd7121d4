// @ts-check
// Closing a zone for a time, emptying it, and opening it again. What would move is shown before anything does.

import { get, post, Refused, send } from "./api.js";
import { ask, el, hourly, plural, prose } from "./dom.js";

const HOURS = [["1", "1 hour"], ["4", "4 hours"], ["24", "1 day"], ["168", "7 days"]];
const SCOPES = [["all", "for all projects"], ["own", "for this project"]];
const LISTED = 8;

/**
 * The buttons for a zone; null for those that may not close it.
 * @param {import("./main.js").App} app @param {import("./wire.js").MapZone} view
 */
export function closing(app, view) {
  const role = app.me.projects[app.project];
  if (!app.me.admin && role !== "manager") return null;
  if (view.state === "closed") return el("div", "acts", button("Open the zone", () => open(app, view)));
  return el("div", "acts", button("Close for new work…", () => close(app, view, "cordon")), button("Drain…", () => close(app, view, "drain")));
}

/**
 * Shows what closing the zone does, and closes it once that is confirmed; if it changed meanwhile, it is shown again.
 * @param {import("./main.js").App} app @param {import("./wire.js").MapZone} view @param {"cordon" | "drain"} operation
 */
async function close(app, view, operation) {
  const hours = select("For how long", HOURS), scope = select("For which projects", SCOPES), drains = operation === "drain";
  hours.value = "24";
  const wanted = () => ({ operation, seconds: 3600 * Number(hours.value), server_wide: app.me.admin && scope.value === "all" });
  const preview = async () => drains ? lines(await post(path(app, view) + "/preview", wanted())) : ["What runs in it continues."];
  await app.attempt(async () => {
    let found = await preview(), changed = false;
    for (;;) {
      const shown = found;
      const text = el("div", "", changed ? el("p", "note", "This differs from what was shown:") : null,
        el("ul", "moves", ...shown.map((line) => el("li", "", prose(line)))), el("div", "acts", hours, app.me.admin ? scope : null));
      if (!await ask(drains ? `Drain ${view.label}?` : `Close ${view.label} for new work?`, text, drains ? "Drain the zone" : "Close the zone")) return;
      found = await preview();
      if (found.join("\n") === shown.join("\n")) break;
      changed = true;
    }
    await post(path(app, view), wanted());
  });
}

/** @param {import("./main.js").App} app @param {import("./wire.js").MapZone} view */
async function open(app, view) {
  await app.attempt(async () => {
    const { backend, region, name } = view.zone;
    /** @type {import("./wire.js").ClosureView[]} */
    const every = await get(`${app.base}/closures`);
    const closed = every.filter(({ zone }) => zone.backend === backend && zone.region === region && zone.name === name);
    const ours = closed.filter((one) => app.me.admin || one.project);
    if (closed.length && !ours.length) throw new Refused(403, { message: `${view.label} is closed for all projects: an admin opens it` });
    if (!await ask(`Open ${view.label}?`, "It takes new work at once. What has not left it yet stays.", "Open the zone")) return;
    for (const one of ours) await send("DELETE", `${app.base}/closures/${encodeURIComponent(one.id)}`);
  });
}

/**
 * What a drain would do, in the sentences of `atoll zone drain --dry-run`.
 * @param {import("./wire.js").ClosurePreview} found
 */
export function lines(found) {
  const said = [];
  for (const fleet of found.fleets) {
    const zones = Object.entries(fleet.zones).sort(([a], [b]) => (a < b ? -1 : 1)).map(([zone, count]) => `${zone} ${count}`).join(", ");
    const cost = fleet.price !== 0 ? `; until then both cost ${hourly(fleet.price)} more` : "";
    said.push(`fleet ${fleet.fleet} replaces ${shortened(fleet.replaced)}` + (zones ? ` by ${zones}, once these are active${cost}` : ""));
    if (fleet.shortfall) said.push(`stays until there are successors: ${fleet.shortfall}`);
  }
  if (found.released.length) said.push(`ends ${shortened(found.released)}: idle, and no longer needed`);
  for (const stay of found.stays) said.push(`${stay.instance} stays: ${stay.message}`);
  if (found.others) said.push(`and ${plural(found.others, "instance")} of other projects`);
  return said.length ? said : ["nothing is in this zone"];
}

/** @param {string[]} names */
const shortened = (names) => names.length <= LISTED ? names.join(", ") : `${names.slice(0, LISTED - 1).join(", ")} and ${names.length - LISTED + 1} more`;

/** @param {import("./main.js").App} app @param {import("./wire.js").MapZone} view */
function path(app, view) {
  const { backend, region, name } = view.zone;
  return `${app.base}/zones/${[backend, region, name].map(encodeURIComponent).join("/")}/closures`;
}

/** @param {string} text @param {() => Promise<void>} act */
function button(text, act) {
  const made = el("button", "", text);
  made.type = "button";
  made.addEventListener("click", act);
  return made;
}

/** @param {string} label @param {string[][]} choices */
function select(label, choices) {
  const made = el("select");
  made.setAttribute("aria-label", label);
  for (const [value, text] of choices) made.append(Object.assign(el("option", "", text), { value }));
  return made;
}
