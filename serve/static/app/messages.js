// Messages about errors, with what the user can do about them. Some requests are repeated by themselves.

import { create, find } from "./dom.js";
import { formatNumber, t } from "./strings.js";

const FIRST_WAIT = 2, LONGEST_WAIT = 30; // seconds until an unreachable server is asked again

const UNREACHABLE = [0, 502, 504]; // no connection, or a proxy without one
const KEYS = { 400: "refused", 403: "keyRefused", 404: "refused", 408: "slow", 413: "tooLarge", 429: "tooMany", 503: "busy" };

/** Return what an `ApiError` means for the user. */
export function describeError({ status, message, retryAfter }) {
  if (UNREACHABLE.includes(status)) return t("unreachable");
  if (status === 429 && retryAfter === null) return t("quota"); // waiting does not help
  return t(KEYS[status] ?? "failed", { reason: message });
}

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
    const { status, retryAfter } = error, text = describeError(error);
    if (UNREACHABLE.includes(status)) {
      this.#failures += 1;
      this.#showWaiting(text, Math.min(LONGEST_WAIT, FIRST_WAIT ** this.#failures), retry);
    } else if (status === 503 || (status === 429 && retryAfter !== null)) {
      this.#showWaiting(text, retryAfter ?? LONGEST_WAIT, retry);
    } else if (status === 403 || status === 429) {
      this.#show(text, this.#button("enterKey", () => this.onKey()));
    } else {
      this.#show(text, this.#button("retry", retry));
    }
  }

  /** Show a message with a count-down, after which the request is repeated. */
  #showWaiting(text, seconds, retry) {
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
    this.#show(text, countdown, this.#button("retry", again));
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
