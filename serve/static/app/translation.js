// Translation of the text while it is typed: waits until typing pauses, and cancels requests that are superseded.

import { stream } from "./api.js";
import { codePointOffsets, convertAlignment } from "./offsets.js";

const SHORTEST_WAIT = 20, LONGEST_WAIT = 400; // milliseconds
const WAIT_SHARE = 0.3; // of the time that the last translation took

/**
 * A translated sentence.
 * @typedef {{ index: number, start: number, end: number, source: string, text: string, alignment: object[],
 *   confidence: ?number, signals: string[], alternatives: string[], chosen: boolean }} Sentence
 */

/** Translates the text that `read()` returns, as `{ text, source, target, glossary, alternatives }` or null if there is none. */
export class LiveTranslation {
  #controller = null;
  #timer = 0;
  #wait = SHORTEST_WAIT;

  constructor(read, { onStart, onSentences, onDone, onError }) {
    Object.assign(this, { read, onStart, onSentences, onDone, onError });
  }

  /** Translate when no further call comes in a moment, which is longer if translating takes long. */
  schedule() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.run(), this.#wait);
  }

  cancel() {
    clearTimeout(this.#timer);
    this.#controller?.abort();
    this.#controller = null;
  }

  async run() {
    this.cancel();
    const wanted = this.read();
    if (wanted === null) return;
    const controller = (this.#controller = new AbortController());
    const started = performance.now();
    this.onStart(wanted);
    try {
      await this.#receive(wanted, controller.signal);
      this.#wait = Math.min(LONGEST_WAIT, Math.max(SHORTEST_WAIT, WAIT_SHARE * (performance.now() - started)));
      if (controller === this.#controller) this.onDone(wanted);
    } catch (error) {
      if (controller === this.#controller && error.name !== "AbortError") this.onError(error, wanted);
    }
  }

  async #receive(wanted, signal) {
    const { text, source, target, glossary, alternatives } = wanted;
    const body = { q: text, source, target, glossary, alternatives, details: true };
    const inText = codePointOffsets(text);
    let arrived = []; // shown together in the next frame, because a long text has hundreds
    let frame = 0;
    const show = () => {
      frame = 0;
      if (!signal.aborted && arrived.length) this.onSentences(arrived.splice(0), wanted);
    };
    for await (const event of stream("translate/stream", body, signal)) {
      arrived.push(readSentence(event, text, inText));
      if (event.index === 0) show();
      else frame ||= requestAnimationFrame(show);
    }
    cancelAnimationFrame(frame);
    show();
  }
}

function readSentence(event, text, inText) {
  const [start, end] = event.source.map(inText);
  const source = text.slice(start, end);
  const { alignment, confidence, signals } = event.details;
  return {
    index: event.index, count: event.sentences, start, end, source, text: event.translatedText,
    alignment: convertAlignment(alignment, source, event.translatedText), confidence, signals,
    alternatives: event.alternatives ?? [], detected: event.detectedLanguage?.language, chosen: false,
  };
}

/** Return the sentence with a translation that begins with a text, or null if the request fails or is superseded. */
export async function translateFromPrefix(postJson, sentence, prefix, { source, target, glossary }) {
  const body = { q: sentence.source, source, target, glossary, target_prefix: prefix, details: true };
  const { translatedText: text, details } = await postJson("translate", body);
  return {
    ...sentence, text, alignment: convertAlignment(details.alignment, sentence.source, text),
    confidence: details.confidence, signals: details.signals, chosen: true,
  };
}
