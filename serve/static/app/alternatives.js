// The other translations of a sentence, each of which can be chosen.

import { create, find } from "./dom.js";

const section = find("alternatives"), list = find("alternatives-list");

/** Show the alternatives of a sentence; `onChoose(sentence, text)` is called with the one that is chosen. */
export function showAlternatives(sentence, language, onChoose) {
  const texts = sentence?.alternatives ?? [];
  list.lang = language;
  const items = texts.map((text) => {
    const button = create("button", { dir: "auto", onclick: () => onChoose(sentence, text) }, text);
    return create("li", {}, button);
  });
  list.replaceChildren(...items);
  section.hidden = !items.length;
}
