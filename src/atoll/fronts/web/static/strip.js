// @ts-check
// The strip below the map: the last hour in half-minutes, with bands for zones that were out, and the newest events.

import { el, plural, timeOf } from "./dom.js";

const SLOTS = 120, LANES = 3;

export class Strip {
  constructor() {
    this.canvas = el("canvas");
    this.canvas.setAttribute("role", "img");
    this.list = el("ol", "ticker");
    this.list.setAttribute("aria-label", "The newest events");
    this.root = el("footer", "time", el("div", "lanes", this.canvas), this.list);
    this.hour = quiet();
  }

  /** Forgets the hour and the events of another project. */
  clear() {
    this.hour = quiet();
    this.list.replaceChildren();
  }

  /** @param {import("./wire.js").MapHour} hour */
  show(hour) {
    this.hour = hour;
    const sums = [0, 1, 2].map((k) => hour.bins.reduce((/** @type {number} */ a, /** @type {number[]} */ bin) => a + bin[k], 0));
    this.canvas.setAttribute("aria-label", [`The last hour: ${plural(sums[0], "change")}, ${plural(sums[1], "launch", "launches")}, ${plural(sums[2], "loss", "losses")}`, ...hour.bands.slice(0, 20).map(label)].join(", "));
    this.draw();
  }

  /** @param {import("./wire.js").EventView[]} events the newest last */
  news(events) {
    const lines = [];
    for (const event of events.slice(-4).reverse()) {
      const what = event.from_state === event.to_state ? event.reason : event.to_state;
      const place = event.zone && event.kind !== "zone" ? ` in ${event.zone.name || event.zone.region}` : "", why = event.message || (event.from_state === event.to_state ? "" : event.reason);
      lines.push(el("li", tone(event), timeOf(event.time), el("i", ""), el("span", "", `${event.kind} ${event.name} ${what}${place}${why ? ": " + why : ""}`)));
    }
    if (!lines.length) return;
    this.list.replaceChildren(...lines, ...[...this.list.children].slice(0, 4 - lines.length));
  }

  draw() {
    const { canvas, hour } = this, scale = devicePixelRatio || 1, w = canvas.clientWidth, h = canvas.clientHeight;
    if (!w) return;
    canvas.width = w * scale; canvas.height = h * scale;
    const c = canvas.getContext("2d"), style = getComputedStyle(document.documentElement), colour = (/** @type {string} */ name) => style.getPropertyValue(name).trim();
    c.scale(scale, scale);
    c.font = "10.5px Inter, ui-sans-serif, system-ui, sans-serif";
    const base = h - 14, top = LANES * 12.5 + 2, most = Math.max(4, ...hour.bins.map((bin) => bin[0]));
    hour.bins.forEach((bin, k) => {
      let y = base;
      const [changes, launches, losses] = bin;
      [Math.max(0, changes - launches - losses), launches, losses].forEach((value, part) => {
        const height = value / most * (base - top);
        c.fillStyle = colour(["--busy", "--start", "--lost"][part]);
        c.globalAlpha = 0.8;
        c.fillRect(k / SLOTS * w + 0.5, y - height, Math.max(1, w / SLOTS - 1.5), height);
        y -= height;
      });
    });
    c.globalAlpha = 1;
    const start = new Date(hour.start).getTime(), at = (/** @type {string | null} */ time) => time === null ? w : Math.max(0, Math.min(w, (new Date(time).getTime() - start) / 3.6e6 * w));
    const ends = Array(LANES).fill(-1);
    for (const band of [...hour.bands].sort((a, b) => a.start < b.start ? -1 : 1)) {
      const from = at(band.start), to = Math.max(from + 2, at(band.end)), lane = ends.findIndex((end) => end <= from);
      if (lane < 0) continue;
      const text = label(band), left = from - c.measureText(text).width - 6, fits = c.measureText(text).width < to - from - 8;
      const before = !fits && left > ends[lane];
      ends[lane] = to;
      c.fillStyle = colour(band.kind === "outage" ? "--lost" : band.kind === "closed" ? "--drain" : "--left");
      c.globalAlpha = 0.2; c.fillRect(from, lane * 12.5, to - from, 11);
      c.globalAlpha = 1; c.fillRect(from, lane * 12.5, 2, 11);
      c.save(); c.beginPath(); c.rect(before ? left : from, lane * 12.5, before ? from - left : to - from, 12); c.clip();
      c.fillText(text, before ? left : from + 6, lane * 12.5 + 9);
      c.restore();
    }
    c.fillStyle = colour("--wall"); c.fillRect(0, base + 0.5, w, 1);
    c.fillStyle = colour("--muted");
    for (let minute = 0; minute <= 60; minute += w < 500 ? 20 : 10) {
      const text = new Date(start + minute * 60000).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
      c.fillText(text, Math.min(minute / 60 * w, w - c.measureText(text).width), h - 2);
    }
  }
}

/** @param {import("./wire.js").Band} band */
function label(band) { return `${band.zone} ${band.kind.replace("-", " ")}${band.text ? " " + band.text : ""}`; }

/** An hour in which nothing happened. @returns {import("./wire.js").MapHour} */
function quiet() { return { start: new Date().toISOString(), bins: [], bands: [] }; }

/** The colour class of an event. @param {import("./wire.js").EventView} event */
export function tone(event) {
  if (event.to_state === "failed" || event.reason === "lost" || event.reason === "unreachable") return "t-lost";
  if (event.kind === "instance" && event.to_state === "launching") return "t-start";
  if (["terminating", "stopping", "deleting", "detaching"].includes(event.to_state)) return "t-end";
  return "t-busy";
}
