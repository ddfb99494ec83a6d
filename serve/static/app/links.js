// Marks the words of the text that belong to a word of the translation, and the other way round.

import { overlap } from "./offsets.js";

export class Links {
  constructor(source, target) {
    Object.assign(this, { source, target });
  }

  clear() {
    this.target.mark(null, []);
    this.source.mark([]);
  }

  /** Mark what belongs to a word of the translation of a sentence. */
  showTarget({ sentence, word }) {
    const aligned = sentence.alignment.filter(({ target }) => overlap(target, word));
    this.source.mark(aligned.map(({ source }) => shift(source, sentence.start)));
    this.target.mark(sentence, [word]);
  }

  /** Mark what belongs to a word of the text. */
  showSource(word, sentences) {
    const sentence = sentences.find(({ start, end }) => start <= word.start && word.end <= end);
    if (!sentence) {
      this.clear();
      return;
    }
    const aligned = sentence.alignment.filter(({ source }) => overlap(shift(source, sentence.start), word));
    this.target.mark(sentence, aligned.map(({ target }) => target));
    this.source.mark([word]);
  }
}

const shift = ({ start, end }, offset) => ({ start: start + offset, end: end + offset });
