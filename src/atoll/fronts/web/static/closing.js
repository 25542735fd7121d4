// @ts-check
// Closing a zone for a time, emptying it, and opening it again. What would move is shown before anything does.

import { get, post, Refused, send } from "./api.js";
import { ask, el, hourly, plural, prose, select, shortened } from "./dom.js";

const HOURS = [["1", "1 hour"], ["4", "4 hours"], ["24", "1 day"], ["168", "7 days"]];
const SCOPES = [["all", "for all projects"], ["own", "for this project"]];
const DEADLINES = [["30", "30 minutes"], ["60", "1 hour"], ["240", "4 hours"]];

/**
 * The buttons for a zone; null for those that may not close it.
 * @param {import("./main.js").App} app @param {import("./wire.js").MapZone} view
 */
export function closing(app, view) {
  const role = app.me.projects[app.project];
  if (!app.me.admin && role !== "manager") return null;
  if (view.state === "closed") return el("div", "acts", button("Open the zone", () => open(app, view)));
  return el("div", "acts", button("Close for new work…", () => close(app, view, "cordon")), button("Drain…", () => close(app, view, "drain")),
    button("Evacuate…", () => close(app, view, "evacuate")));
}

/**
 * Shows what closing the zone does, and closes it once that is confirmed; if it changed meanwhile, it is shown again.
 * @param {import("./main.js").App} app @param {import("./wire.js").MapZone} view @param {"cordon" | "drain" | "evacuate"} operation
 */
async function close(app, view, operation) {
  const hours = select("For how long", HOURS), scope = select("For which projects", SCOPES), minutes = select("Stop what has not left after", DEADLINES);
  hours.value = "24";
  const empties = operation !== "cordon", evacuates = operation === "evacuate", [title, yes] = questions(view)[operation];
  const wanted = () => ({
    operation, seconds: 3600 * Number(hours.value), server_wide: app.me.admin && scope.value === "all",
    deadline_seconds: evacuates ? 60 * Number(minutes.value) : null,
  });
  /** @returns {Promise<import("./wire.js").ClosurePreview>} */
  const preview = async () => post(path(app, view) + "/preview", wanted());
  const shown = (/** @type {import("./wire.js").ClosurePreview} */ found) => empties ? lines(found, evacuates) : ["What runs in it continues.", ...found.notes];
  await app.attempt(async () => {
    let found = await preview(), changed = false;
    for (;;) {
      const text = el("div", "", changed ? el("p", "note", "This differs from what was shown:") : null,
        el("ul", "moves", ...shown(found).map((line) => el("li", "", prose(line)))),
        el("div", "acts", hours, app.me.admin ? scope : null, evacuates ? minutes : null));
      if (!await ask(title, text, yes)) return;
      const left = staying(found);
      if (evacuates && left.length && !await ask(`Stop what has not left ${view.label} after ${minutes.selectedOptions[0].text}?`,
        `${left.join(", ")} and what runs there would be stopped. Volumes and their data stay.`, "Stop it then", view.label)) return;
      const agreed = found;
      found = await preview();
      if (moves(found) === moves(agreed)) break;
      changed = true;
    }
    await post(path(app, view), { ...wanted(), agreed: empties ? ending(found) : null });
  });
}

/** @param {import("./wire.js").MapZone} view @returns {Record<"cordon" | "drain" | "evacuate", [string, string]>} */
const questions = ({ label }) => ({
  cordon: [`Close ${label} for new work?`, "Close the zone"], drain: [`Drain ${label}?`, "Drain the zone"], evacuate: [`Evacuate ${label}?`, "Evacuate the zone"],
});

/** What would move, without the times that it takes, which change from moment to moment. @param {import("./wire.js").ClosurePreview} found */
const moves = (found) => JSON.stringify(found, (key, value) => key === "pace" || key === "late" ? undefined : value);

/** The instances that may be in the zone for long. @param {import("./wire.js").ClosurePreview} found */
const staying = (found) => [...new Set([...found.stays, ...found.busy].map(({ instance }) => instance).concat(found.fleets.flatMap((fleet) => fleet.shortfall ? fleet.replaced : [])))];

/** The instances that would end. @param {import("./wire.js").ClosurePreview} found */
const ending = (found) => [...new Set([...found.released, ...found.fleets.flatMap((fleet) => fleet.replaced), ...staying(found)])].sort();

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
 * What emptying the zone would do, in the sentences of `atoll zone drain --dry-run`.
 * @param {import("./wire.js").ClosurePreview} found @param {boolean} stops
 */
export function lines(found, stops) {
  const said = [];
  for (const fleet of found.fleets) {
    const zones = Object.entries(fleet.zones).sort(([a], [b]) => (a < b ? -1 : 1)).map(([zone, count]) => `${zone} ${count}`).join(", ");
    const cost = fleet.price !== 0 ? `; until then both cost ${hourly(fleet.price)} more` : "";
    said.push(`fleet ${fleet.fleet} replaces ${shortened(fleet.replaced)}` + (zones ? ` by ${zones}, once these are active${cost}` : ""));
    if (fleet.pace) said.push(fleet.pace + (fleet.late ? `; not all leave: the time given is ${fleet.late} too short` : ""));
    if (fleet.shortfall) said.push(`stays until there are successors: ${fleet.shortfall}`);
  }
  for (const { instance, runs } of found.busy) {
    const [run, are] = runs.length === 1 ? ["run", "is"] : ["runs", "are"];
    said.push(`${instance} leaves after ${run} ${runs.join(", ")}` + (stops ? `, which ${are} stopped at the deadline` : ""));
  }
  if (found.released.length) said.push(`ends ${shortened(found.released)}: idle, and no longer needed`);
  for (const stay of found.stays) said.push(`${stay.instance} stays${stops ? ", and is stopped at the deadline" : ""}: ${stay.message}`);
  said.push(...found.notes);
  if (found.others) said.push(`and ${plural(found.others, "instance")} of other projects`);
  return said.length ? said : ["nothing is in this zone"];
}

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
