// The pane with the translation. Its words are marked, pointed at and visited with the arrow keys.

import { create, find } from "./dom.js";
import { findWords, overlap } from "./offsets.js";

const UNSURE = 0.4; // confidence below which a sentence is underlined

export const isUnsure = ({ confidence }) => confidence !== null && confidence < UNSURE;

export class TargetPane {
  #pane = find("translation");
  #rendered = new Map(); // sentence → { element, words }
  #language = "";

  constructor({ onWord, onChoose }) {
    Object.assign(this, { onWord, onChoose });
    const over = (event) => this.onWord(this.#placeOf(event.target));
    this.#pane.addEventListener("pointerover", over);
    this.#pane.addEventListener("pointerleave", () => this.onWord(this.#placeOf(document.activeElement)));
    this.#pane.addEventListener("focusin", (event) => {
      this.#enter(event.target);
      over(event);
    });
    this.#pane.addEventListener("focusout", (event) => {
      for (const name of ["role", "aria-haspopup"]) event.target.removeAttribute(name);
      this.onWord(null);
    });
    this.#pane.addEventListener("click", ({ target }) => this.#choose(target));
    this.#pane.addEventListener("keydown", (event) => this.#press(event));
  }

  get text() {
    return this.#pane.textContent;
  }

  /** Show sentences, in order, of a text; what is missing between and after them is still being translated. */
  show(sentences, text, language, count) {
    const known = this.#rendered;
    if (language !== this.#language) known.clear();
    this.#language = this.#pane.lang = language;
    this.#rendered = new Map();
    const nodes = [];
    let end = 0, next = 0;
    for (const sentence of sentences) {
      nodes.push(sentence.index === next ? text.slice(end, sentence.start) : pending());
      const rendered = known.get(sentence) ?? renderSentence(sentence, language);
      this.#rendered.set(sentence, rendered);
      nodes.push(rendered.element);
      end = sentence.end;
      next = sentence.index + 1;
    }
    nodes.push(next < count ? pending() : text.slice(end));
    this.#pane.setAttribute("dir", "auto");
    this.#pane.replaceChildren(...nodes);
    if (!this.#pane.querySelector("[tabindex='0']")) this.#pane.querySelector(".word")?.setAttribute("tabindex", "0");
  }

  clear() {
    this.#rendered.clear();
    this.#pane.replaceChildren();
  }

  setBusy(busy) {
    this.#pane.setAttribute("aria-busy", String(busy));
  }

  /** Mark the words that overlap one of a sentence's ranges; no ranges remove all marks. */
  mark(sentence, ranges) {
    for (const [each, { words }] of this.#rendered) {
      for (const word of words) {
        word.element.classList.toggle("marked", each === sentence && ranges.some((range) => overlap(range, word)));
      }
    }
  }

  /** Focus the word of a sentence at an offset. */
  focusWord(sentence, offset) {
    const words = this.#rendered.get(sentence)?.words ?? [];
    (words.find(({ end }) => offset < end) ?? words.at(-1))?.element.focus();
  }

  #placeOf(element) {
    if (!element?.classList.contains("word")) return null;
    for (const [sentence, { words }] of this.#rendered) {
      const word = words.find((each) => each.element === element);
      if (word) return { sentence, word };
    }
    return null;
  }

  #choose(element) {
    const place = this.#placeOf(element);
    if (place) this.onChoose(place);
  }

  /** Make a word the only one that the tab key reaches. */
  #enter(element) {
    if (!element.classList.contains("word")) return;
    this.#pane.querySelector("[tabindex='0']")?.setAttribute("tabindex", "-1");
    element.setAttribute("tabindex", "0");
    element.setAttribute("role", "button"); // only here: as buttons, the words would not be read as a text
    element.setAttribute("aria-haspopup", "menu");
  }

  #press(event) {
    const words = [...this.#pane.querySelectorAll(".word")];
    const number = words.indexOf(event.target);
    if (number < 0 || event.ctrlKey || event.metaKey || event.altKey) return;
    const forward = getComputedStyle(this.#pane).direction === "rtl" ? "ArrowLeft" : "ArrowRight";
    const step = { ArrowLeft: -1, ArrowRight: -1, ArrowUp: -1, ArrowDown: 1, [forward]: 1 }[event.key];
    const goal = step ? number + step : { Home: 0, End: words.length - 1 }[event.key];
    if (goal !== undefined) words[goal]?.focus();
    else if (event.key === "Enter" || event.key === " ") this.#choose(event.target);
    else return;
    event.preventDefault();
  }
}

const pending = () => create("span", { class: "pending" }, " … ");

function renderSentence(sentence, language) {
  const { text } = sentence, nodes = [];
  let end = 0;
  const words = findWords(text, language).map((word) => {
    const element = create("span", { class: "word", tabindex: "-1" }, text.slice(word.start, word.end));
    nodes.push(text.slice(end, word.start), element);
    end = word.end;
    return { ...word, element };
  });
  const names = ["sentence", isUnsure(sentence) && "unsure", sentence.chosen && "chosen"].filter(Boolean);
  return { element: create("span", { class: names.join(" ") }, ...nodes, text.slice(end)), words };
}
