// The language of the interface, which the browser's preferences determine.

export const INTERFACE_LANGUAGES = ["en", "fr", "de", "es", "zh"];

export const language =
  navigator.languages.map((code) => code.toLowerCase().split("-")[0]).find((code) => INTERFACE_LANGUAGES.includes(code)) ?? "en";

let strings = {};

/** Load the strings of the interface's language and put them into the page. */
export async function translatePage() {
  ({ strings } = await import(`../strings/${language}.js`));
  document.documentElement.lang = language === "zh" ? "zh-Hans" : language;
  for (const element of document.querySelectorAll("[data-t]")) element.textContent = t(element.dataset.t);
  for (const element of document.querySelectorAll("[data-t-label]")) element.setAttribute("aria-label", t(element.dataset.tLabel));
  for (const element of document.querySelectorAll("[data-t-placeholder]")) element.placeholder = t(element.dataset.tPlaceholder);
  for (const element of document.querySelectorAll("button[data-t-label]")) element.title = t(element.dataset.tLabel);
  delete document.documentElement.dataset.waiting;
}

/** Return a string of the interface, in which `{name}` is replaced by `values.name`. */
export function t(key, values = {}) {
  return strings[key].replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

export const formatNumber = (number, options) => new Intl.NumberFormat(language, options).format(number);
