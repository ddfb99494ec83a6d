// The pane with the text to translate. A mirror behind the text area has the same layout: it sizes the area and marks words.

import { create, find } from "./dom.js";
import { findWords, overlap } from "./offsets.js";

const END = "\u200b"; // gives a last empty line its height

export class SourcePane {
  #area = find("source");
  #mirror = find("mirror");
  #words = []; // of the annotated text: { start, end, element }
  #pointed = null;

  constructor({ onInput, onWord }) {
    this.onWord = onWord;
    this.#area.addEventListener("input", (event) => {
      this.#mirror.replaceChildren(this.#area.value + END);
      this.#words = [];
      if (!event.isComposing) onInput(); // the letters of an unfinished Chinese word are no text yet
    });
    this.#area.addEventListener("compositionend", onInput);
    this.#area.addEventListener("pointermove", (event) => this.#point(this.#wordAt(event.clientX, event.clientY)));
    this.#area.addEventListener("pointerleave", () => this.#point(null));
    this.#area.addEventListener("blur", () => this.#point(null));
    this.#area.addEventListener("keyup", ({ key }) => {
      if (/^(Arrow|Home|End|Page)/.test(key)) this.#point(this.#wordAtCaret());
    });
  }

  get text() {
    return this.#area.value;
  }

  set text(text) {
    this.#area.value = text;
    this.#mirror.replaceChildren(this.#area.value + END);
    this.#words = [];
  }

  focus() {
    this.#area.focus();
  }

  setLanguage(code) {
    this.#area.lang = this.#mirror.lang = code ?? "";
  }

  setInvalid(invalid) {
    if (invalid) this.#area.setAttribute("aria-invalid", "true");
    else this.#area.removeAttribute("aria-invalid");
  }

  /** Find the words of the text, so that they can be marked and pointed at. */
  annotate(language) {
    const text = this.text, nodes = [];
    let end = 0;
    this.#words = findWords(text, language).map((word) => {
      const element = create("span", {}, text.slice(word.start, word.end));
      nodes.push(text.slice(end, word.start), element);
      end = word.end;
      return { ...word, element };
    });
    this.#mirror.replaceChildren(...nodes, text.slice(end) + END);
  }

  /** Mark the words that overlap one of the ranges. */
  mark(ranges) {
    for (const word of this.#words) word.element.classList.toggle("marked", ranges.some((range) => overlap(range, word)));
  }

  #point(word) {
    if (word === this.#pointed) return;
    this.#pointed = word;
    this.onWord(word);
  }

  #wordAt(x, y) {
    const elements = document.elementsFromPoint(x, y);
    return this.#words.find(({ element }) => elements.includes(element)) ?? null;
  }

  #wordAtCaret() {
    const { selectionStart, selectionEnd } = this.#area;
    if (selectionStart !== selectionEnd) return null;
    return this.#words.find(({ start, end }) => start <= selectionStart && selectionStart <= end) ?? null;
  }
}
