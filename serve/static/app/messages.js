// Messages about errors, with what the user can do about them. Some requests are repeated by themselves.

import { create, find } from "./dom.js";
import { formatNumber, t } from "./strings.js";

const FIRST_WAIT = 2, LONGEST_WAIT = 30; // seconds until an unreachable server is asked again

export class Messages {
  #box = find("message");
  #timer = 0;
  #failures = 0;
  #retry = null;

  constructor({ onKey }) {
    this.onKey = onKey;
    addEventListener("online", () => this.#retry?.());
  }

  clear() {
    clearInterval(this.#timer);
    this.#retry = null;
    this.#failures = 0;
    this.#hide();
  }

  /** Show that a text is longer than the server allows. */
  showTooLong(count, limit) {
    this.clear();
    this.#show(t("tooLong", { count: formatNumber(count), limit: formatNumber(limit) }));
  }

  /** Show an `ApiError`; `retry` repeats the request. */
  showError(error, retry) {
    clearInterval(this.#timer);
    this.#retry = null;
    const { status, message, retryAfter } = error;
    if (status === 403) {
      this.#show(t("keyRefused"), this.#button("enterKey", () => this.onKey()));
    } else if (status === 0 || status === 502 || status === 504) {
      this.#failures += 1;
      this.#showWaiting("unreachable", Math.min(LONGEST_WAIT, FIRST_WAIT ** this.#failures), retry);
    } else if (status === 429 && retryAfter === null) {
      this.#show(t("quota"), this.#button("enterKey", () => this.onKey()));
    } else if (status === 429 || status === 503) {
      this.#showWaiting(status === 429 ? "tooMany" : "busy", retryAfter ?? 5, retry);
    } else {
      const known = { 400: "refused", 404: "refused", 408: "slow", 413: "tooLarge" }[status] ?? "failed";
      this.#show(t(known, { reason: message }), this.#button("retry", retry));
    }
  }

  /** Show a message with a count-down, after which the request is repeated. */
  #showWaiting(key, seconds, retry) {
    const countdown = create("span", { class: "muted", "aria-hidden": "true" });
    const again = () => {
      clearInterval(this.#timer);
      this.#retry = null;
      retry();
    };
    const tick = () => {
      if (seconds <= 0) again();
      else countdown.textContent = t("retryIn", { seconds: formatNumber(seconds) });
      seconds -= 1;
    };
    this.#retry = again;
    this.#show(t(key), countdown, this.#button("retry", again));
    tick();
    this.#timer = setInterval(tick, 1000);
  }

  #button(key, onclick) {
    return create("button", { class: "button", onclick }, t(key));
  }

  #show(text, ...others) {
    const current = this.#box.querySelector("p")?.textContent;
    // An alert that is shown again unchanged is not announced again.
    if (this.#box.hidden || current !== text) this.#box.replaceChildren(create("p", {}, text), ...others);
    else this.#box.replaceChildren(this.#box.firstChild, ...others);
    this.#box.hidden = false;
  }

  #hide() {
    this.#box.hidden = true;
    this.#box.replaceChildren();
  }
}
