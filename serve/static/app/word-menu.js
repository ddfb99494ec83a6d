// The menu of the words that may stand in place of a word of the translation.

import { postJson } from "./api.js";
import { create, find } from "./dom.js";
import { describeError } from "./messages.js";
import { findWords } from "./offsets.js";
import { t } from "./strings.js";

const PREVIEW = 40; // characters of the translation after the word

export class WordMenu {
  #menu = find("word-menu");
  #controller = null;
  #anchor = null;

  /** `onChoose(place, prefix)` is called with the text that the new translation is to begin with. */
  constructor(onChoose) {
    this.onChoose = onChoose;
    this.#menu.addEventListener("toggle", ({ newState }) => {
      if (newState === "closed") this.#controller?.abort();
    });
    this.#menu.addEventListener("keydown", (event) => this.#press(event));
  }

  /** Open the menu for a word, and fill it when the server has found other words. */
  async open({ sentence, word }, { source, target, glossary, alternatives }) {
    const prefix = sentence.text.slice(0, word.start);
    this.#anchor = word.element;
    this.#show(create("p", { class: "muted" }, t("loading")));
    const controller = (this.#controller = new AbortController());
    const body = { q: sentence.source, source, target, glossary, target_prefix: prefix, alternatives };
    let found;
    try {
      found = await postJson("translate", body, controller.signal);
    } catch (error) {
      if (error.name !== "AbortError") this.#show(create("p", { class: "muted" }, describeError(error)));
      return;
    }
    if (controller.signal.aborted) return;
    const current = sentence.text.slice(word.start, word.end);
    const choices = continuations([found.translatedText, ...found.alternatives], prefix, target).filter(
      (choice) => choice.word.trim() !== current,
    );
    if (!choices.length) {
      this.#show(create("p", { class: "muted" }, t("noOtherWords")));
      return;
    }
    this.#show(...choices.map((choice) => this.#item(choice, () => this.onChoose({ sentence, word }, choice.prefix), target)));
    this.#menu.querySelector("button").focus();
  }

  close() {
    if (this.#menu.matches(":popover-open")) this.#menu.hidePopover();
  }

  #item(choice, choose, language) {
    const label = [create("strong", {}, choice.word.trim()), create("span", { class: "muted" }, choice.rest)];
    const onclick = () => {
      this.close();
      choose();
    };
    return create("button", { role: "menuitem", lang: language, dir: "auto", tabindex: "-1", onclick }, ...label);
  }

  #show(...children) {
    this.#menu.replaceChildren(...children);
    if (!this.#menu.matches(":popover-open")) this.#menu.showPopover();
    const anchor = this.#anchor.getBoundingClientRect(), { offsetWidth, offsetHeight, style } = this.#menu;
    const left = Math.max(8, Math.min(anchor.left - 8, document.documentElement.clientWidth - offsetWidth - 8));
    const below = anchor.bottom + offsetHeight + 12 < innerHeight;
    style.left = `${left}px`;
    style.top = `${below ? anchor.bottom + 6 : Math.max(8, anchor.top - offsetHeight - 6)}px`;
  }

  #press(event) {
    const items = [...this.#menu.querySelectorAll("button")];
    const number = items.indexOf(document.activeElement);
    const goal = {
      ArrowDown: (number + 1) % items.length, ArrowUp: (number - 1 + items.length) % items.length,
      Home: 0, End: items.length - 1,
    }[event.key];
    if (goal !== undefined) {
      items[goal]?.focus();
      event.preventDefault();
    } else if (event.key === "Escape" || event.key === "Tab") {
      this.close();
      this.#anchor?.focus();
      event.preventDefault();
    }
  }
}

/** Return the different words that translations go on with after a prefix: `{ word, rest, prefix }`, best first. */
export function continuations(translations, prefix, language) {
  const begun = prefix.trimEnd(), found = new Map();
  for (const translation of translations) {
    if (!translation.startsWith(begun)) continue; // a protected span has moved
    const [first] = findWords(translation.slice(begun.length), language);
    if (!first) continue;
    const end = begun.length + first.end;
    const word = translation.slice(begun.length, end), rest = translation.slice(end);
    // A space ends the word, so that no ending is added to it; scripts without spaces need none.
    const next = translation.slice(0, end) + (/[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}]$/u.test(word) ? "" : " ");
    if (!found.has(word)) found.set(word, { word, rest: rest.length > PREVIEW ? `${rest.slice(0, PREVIEW)}…` : rest, prefix: next });
  }
  return [...found.values()];
}
