// Translations that the user has chosen. They stay while the rest of the text changes.

import { postJson } from "./api.js";
import { translateFromPrefix } from "./translation.js";

export class Choices {
  #chosen = new Map(); // by languages and source sentence

  /** Return the translation that has been chosen for a sentence, in its place; undefined if there is none. */
  find(sentence, languages) {
    const chosen = this.#chosen.get(key(sentence, languages));
    return chosen && { ...chosen, index: sentence.index, start: sentence.start, end: sentence.end };
  }

  /**
   * Translate a sentence anew, and choose the result.
   * @param prefix the text that the translation begins with
   * @param exactly the whole translation, if it is given
   */
  async choose(sentence, languages, prefix, exactly) {
    let chosen = await translateFromPrefix(postJson, sentence, prefix, languages);
    // A given translation is kept even if the model would go on after it, but its words are then not aligned.
    if (exactly && chosen.text !== exactly) chosen = { ...sentence, text: exactly, alignment: [], signals: [], chosen: true };
    const others = sentence.alternatives.filter((text) => text !== chosen.text);
    const isNew = !sentence.chosen && sentence.text !== chosen.text;
    chosen.alternatives = isNew ? [sentence.text, ...others] : others;
    this.#chosen.set(key(sentence, languages), chosen);
    return chosen;
  }

  forget(sentences, languages) {
    for (const sentence of sentences) this.#chosen.delete(key(sentence, languages));
  }
}

const key = (sentence, { source, target }) => JSON.stringify([source, target, sentence.source]);
