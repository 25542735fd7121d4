// @ts-check
// Elements and texts. Text from the server only ever goes in as text, never as markup.

const LISTED = 8;

/**
 * An element with a class and its content.
 * @param {string} tag
 * @param {string} [cls]
 * @param {...(Node | string | number | null | undefined)} content
 * @returns {any}
 */
export function el(tag, cls, ...content) {
  const made = document.createElement(tag);
  if (cls) made.className = cls;
  for (const part of content) if (part !== null && part !== undefined) made.append(part instanceof Node ? part : String(part));
  return made;
}

/** A choice of values with their texts. @param {string} label @param {string[][]} choices */
export function select(label, choices) {
  const made = el("select");
  made.setAttribute("aria-label", label);
  for (const [value, text] of choices) made.append(Object.assign(el("option", "", text), { value }));
  return made;
}

/** A message of the server: what it sets between backticks is shown as code. @param {string} message */
export function prose(message) {
  const parts = message.split("`");
  if (parts.length % 2 === 0) return el("span", "", message);
  return el("span", "", ...parts.map((part, k) => k % 2 ? el("code", "", part) : part));
}

/** @param {string} id @returns {any} */
export const byId = (id) => document.getElementById(id);

/** @param {number} value */
export const number = (value) => Math.round(value).toLocaleString("en");

/** What something costs; the API has null where a price is not known, and a sum with such a part is none.
 * @param {number | null} value */
export const hourly = (value) => (value === null || !Number.isFinite(value) ? "price unknown" : money(value) + "/h");

/** USD with enough digits to distinguish prices. @param {number} value */
export function money(value) {
  if (!Number.isFinite(value)) return "unknown";
  if (value >= 100) return "$" + number(value);
  if (value === 0) return "$0";
  if (value >= 1) return "$" + value.toFixed(2);
  const digits = Number(value.toPrecision(3)).toString();
  return "$" + (digits.length < 4 ? value.toFixed(2) : digits);
}

/** @param {number} count @param {string} word @param {string} [many] */
export const plural = (count, word, many) => `${number(count)} ${count === 1 ? word : many || word + "s"}`;

/** A list that may be long: its beginning, and how many more there are. @param {string[]} names */
export const shortened = (names) => names.length <= LISTED ? names.join(", ") : `${names.slice(0, LISTED - 1).join(", ")} and ${number(names.length - LISTED + 1)} more`;

/** The time of day in the viewer's zone. @param {string | Date} time */
export const clock = (time) => new Date(time).toLocaleTimeString("en-GB");

/** The time of day, with the date where it is not today. @param {string} time */
export function moment(time) {
  const at = new Date(time), today = new Date().toDateString() === at.toDateString();
  return today ? at.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" })
    : at.toLocaleString("en-GB", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
}

/** A time element: the viewer's zone, UTC on hover. @param {string} time @param {string} [cls] */
export function timeOf(time, cls) {
  const made = el("time", cls, clock(time));
  made.dateTime = time;
  made.title = new Date(time).toISOString().replace("T", " ").slice(0, 19) + " UTC";
  return made;
}

/** `5 min ago`. @param {string} time */
export function ago(time) {
  const seconds = Math.max(0, (Date.now() - new Date(time).getTime()) / 1000);
  if (seconds < 90) return `${Math.round(seconds)} s ago`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min ago`;
  if (seconds < 129600) return `${Math.round(seconds / 3600)} h ago`;
  return `${Math.round(seconds / 86400)} days ago`;
}

/** A list of terms and values. @param {Array<[string, Node | string | number]>} rows */
export function facts(rows) {
  const list = el("dl", "kv");
  for (const [term, value] of rows) list.append(el("dt", "", term), el("dd", "", value));
  return list;
}

/**
 * A table with a caption for screen readers.
 * @param {string} caption @param {string[]} heads @param {Array<Array<Node | string | number>>} rows
 */
export function table(caption, heads, rows) {
  const head = el("tr"), body = el("tbody");
  heads.forEach((name, k) => {
    const cell = el("th", rows.some((row) => typeof row[k] === "number") ? "n" : "", name);
    cell.scope = "col";
    head.append(cell);
  });
  for (const row of rows) {
    const line = el("tr");
    row.forEach((value, k) => {
      const numeric = typeof value === "number", message = heads[k] === "Message" && typeof value === "string";
      line.append(el(k ? "td" : "th", numeric ? "n" : message ? "m" : "", numeric ? number(value) : message ? prose(value) : value));
    });
    line.firstChild.scope = "row";
    body.append(line);
  }
  return el("div", "scroll", el("table", "", el("caption", "hidden", caption), el("thead", "", head), body));
}

/** Calls `run` at most once in `wait` ms, and once after the last call. @param {() => void} run @param {number} wait */
export function paced(run, wait) {
  /** @type {number | undefined} */
  let timer;
  return () => { if (timer === undefined) timer = window.setTimeout(() => { timer = undefined; run(); }, wait); };
}

/**
 * Shows a question in the dialog; resolves to whether the answer is yes. With `word`, that word must be typed.
 * @param {string} title @param {Node | string} text @param {string} yes @param {string} [word]
 * @returns {Promise<boolean>}
 */
export function ask(title, text, yes, word) {
  const dialog = byId("question"), form = el("form"), heading = el("h2", "", title);
  heading.id = "question-title";
  form.method = "dialog";
  const go = el("button", "do", yes), no = el("button", "", "Cancel");
  go.value = "yes"; no.value = "no"; no.type = "button";
  no.addEventListener("click", () => dialog.close("no"));
  form.append(heading, el("div", "", text));
  if (word) {
    const typed = el("input");
    typed.setAttribute("aria-label", `Type ${word} to confirm`);
    go.disabled = true;
    typed.addEventListener("input", () => { go.disabled = typed.value !== word; });
    form.append(el("p", "", `Type ${word} to confirm.`), typed);
  }
  form.append(el("div", "acts", go, no));
  dialog.replaceChildren(form);
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((resolve) => dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true }));
}
