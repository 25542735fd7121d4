// @ts-check
// The log of one job: `TIME stream F text` lines, followed by long polls.

import { send } from "./api.js";
import { el } from "./dom.js";

const MOST = 5000, WAIT = 20;

export class Log {
  constructor() {
    this.root = el("pre", "log");
    this.root.tabIndex = 0;
    this.root.setAttribute("aria-label", "Log");
    /** @type {AbortController | undefined} */
    this.control = undefined;
  }

  stop() { this.control?.abort(); }

  /** Follows a job's log until it ends or `stop`. @param {string} path */
  async follow(path) {
    this.stop();
    const control = this.control = new AbortController(), decoder = new TextDecoder();
    let offset = 0, rest = "", submission = "";
    this.root.replaceChildren();
    while (!control.signal.aborted) {
      try {
        const answer = await send("GET", `${path}&offset=${offset}&wait=${WAIT}`, undefined, control.signal);
        const attempt = answer.headers.get("Atoll-Log-Submission") || "0";
        if (submission && attempt !== submission) { offset = 0; rest = ""; submission = attempt; this._note(`attempt ${+attempt + 1}`); continue; }
        submission = attempt;
        const bytes = new Uint8Array(await answer.arrayBuffer());
        offset += bytes.length;
        const lines = (rest + decoder.decode(bytes, { stream: true })).split("\n");
        rest = lines.pop() || "";
        this._append(lines);
        if (answer.headers.get("Atoll-Log-End")) { this._note("end of the log"); return; }
      } catch (error) {
        if (control.signal.aborted) return;
        this._note(`log stream interrupted: ${error instanceof Error ? error.message : error}`);
        await new Promise((resolve) => setTimeout(resolve, 2000));
      }
    }
  }

  /** @param {string} text */
  _note(text) { this.root.append(el("div", "note", text)); }

  /** @param {string[]} lines */
  _append(lines) {
    if (!lines.length) return;
    const box = this.root, follows = box.scrollHeight - box.scrollTop - box.clientHeight < 40, batch = document.createDocumentFragment();
    for (const line of lines.slice(-MOST)) {
      const [time, stream, , ...text] = line.split(" ");
      const known = stream === "stdout" || stream === "stderr";
      const row = el("div", stream === "stderr" ? "err" : "", known ? text.join(" ") : line);
      if (known) row.title = time;
      batch.append(row);
    }
    box.append(batch);
    while (box.childElementCount > MOST) box.firstElementChild?.remove();
    if (follows) box.scrollTop = box.scrollHeight;
  }
}
