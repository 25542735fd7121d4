// @ts-check
// Opens a session: by the code of `atoll web` in the address, or by a token.

import { get, post, Refused } from "./api.js";
import { el, prose } from "./dom.js";

/** Resolves to the session once there is one. @param {HTMLElement} page @param {string} [why] @returns {Promise<any>} */
export function login(page, why) {
  const code = location.pathname === "/web/login" ? location.hash.slice(1) : "", hash = code ? "" : location.hash;
  if (code) history.replaceState(null, "", "/web/login"); // the code is used up: it does not stay in the history
  return new Promise((resolve) => {
    const token = el("input", ""), message = el("p", "note", why || ""), form = el("form", "login");
    token.type = "password"; token.autocomplete = "off"; token.setAttribute("aria-label", "Token"); token.placeholder = "atoll_…";
    message.setAttribute("role", "alert");
    form.append(el("h1", "", "Log in"), el("p", "", "Run ", el("code", "", "atoll web"), " in a terminal: it opens this page logged in. Or paste a token:"), token, el("button", "do", "Log in"), message);
    const open = async (/** @type {any} */ body) => {
      try {
        const session = await post("/web/session", body);
        if ((await get("/web/me")).user) { history.replaceState(null, "", "/" + hash); resolve(session); return; }
        message.textContent = "This page needs cookies, and the browser blocks them.";
      } catch (error) {
        message.replaceChildren(error instanceof Refused ? prose(`${error.message}${error.help ? ": " + error.help : ""}`) : "The server does not answer.");
      }
      page.replaceChildren(form);
    };
    form.addEventListener("submit", (/** @type {Event} */ event) => { event.preventDefault(); open({ token: token.value.trim() }); });
    page.replaceChildren(code ? el("p", "login", "Logging in…") : form);
    if (code) open({ code }); else token.focus();
  });
}
