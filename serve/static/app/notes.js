// What is worth checking in a translation: quality signals and low confidence, in words.

import { create, find } from "./dom.js";
import { formatNumber, t } from "./strings.js";
import { isUnsure } from "./target.js";

const SHORTENED = 60, MOST = 20; // characters of a quoted sentence; notes

const SIGNALS = ["copied_source", "missing_number", "repetition", "length", "untranslated_words", "wrong_language"];

export function showNotes(sentences, onChoose) {
  const notes = sentences.flatMap((sentence) => describe(sentence).map((note) => ({ sentence, note })));
  const items = notes.slice(0, MOST).map(({ sentence, note }) => {
    if (sentences.length === 1) return create("li", {}, note);
    const quoted = sentence.text.length > SHORTENED ? `${sentence.text.slice(0, SHORTENED)}…` : sentence.text;
    return create("li", {}, `${note} `, create("button", { class: "quote", onclick: () => onChoose(sentence) }, quoted));
  });
  find("notes-list").replaceChildren(...items);
  find("notes").hidden = !items.length;
}

function describe(sentence) {
  const notes = sentence.signals.filter((signal) => SIGNALS.includes(signal)).map((signal) => t(signal));
  if (isUnsure(sentence)) notes.push(t("unsure", { percent: formatNumber(sentence.confidence, { style: "percent" }) }));
  return notes;
}
