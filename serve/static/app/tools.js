// Theme, clipboard and links to a text.

import { create, find } from "./dom.js";
import { recall, remember } from "./storage.js";
import { t } from "./strings.js";

const THEMES = { system: "light", light: "dark", dark: "system" }; // each with the one after it

export function prepareTheme() {
  const show = () => {
    const theme = document.documentElement.dataset.theme ?? "system";
    find("theme-label").textContent = find("theme").title = t(`theme_${theme}`);
  };
  find("theme").addEventListener("click", () => {
    const next = THEMES[recall("theme") ?? "system"] ?? "light";
    remember("theme", next);
    if (next === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = next;
    show();
  });
  show();
}

export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // The clipboard interface requires HTTPS, which a server in a local network may lack.
    const area = create("textarea", { class: "visually-hidden" });
    area.value = text;
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
}

/** Show for a moment that a button has done its work. */
export function confirm(button, key) {
  const label = button.querySelector("span");
  label.textContent = t(key);
  setTimeout(() => (label.textContent = t(label.dataset.t)), 1500);
}

/** Return a link to a text and its languages. They are in the fragment, which browsers do not send to the server. */
export function shareLink({ source, target, text }) {
  const link = new URL(location.href);
  link.search = "";
  link.hash = new URLSearchParams({ source, target, text });
  return link.href;
}

/** Return what a link holds, as `{ source, target, text }`; each may be undefined. */
export function readLink() {
  return Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
}

/** Remove the text from the address when it is no longer the one in the page. */
export function forgetLink() {
  if (location.hash) history.replaceState(null, "", location.pathname + location.search);
}
