// Offsets in code points, which the API counts, and in UTF-16 code units, which JavaScript counts; words of a text.

/** Return a function that converts an offset in code points to one in UTF-16 code units. */
export function codePointOffsets(text) {
  if (!/[\ud800-\udbff]/.test(text)) return (offset) => offset;
  const offsets = [0];
  for (const character of text) offsets.push(offsets.at(-1) + character.length);
  return (offset) => offsets[Math.min(offset, offsets.length - 1)];
}

export const countCodePoints = (text) => {
  let count = 0;
  for (const _ of text) count += 1;
  return count;
};

const segmenters = new Map();

function segmenter(language) {
  if (!segmenters.has(language)) {
    let made;
    try {
      made = new Intl.Segmenter(language, { granularity: "word" });
    } catch {
      made = new Intl.Segmenter("en", { granularity: "word" }); // the code is no language tag
    }
    segmenters.set(language, made);
  }
  return segmenters.get(language);
}

/** Return the words of a text as ranges `{ start, end }` in UTF-16 code units. */
export function findWords(text, language) {
  const words = [];
  for (const { segment, index, isWordLike } of segmenter(language).segment(text)) {
    if (isWordLike) words.push({ start: index, end: index + segment.length });
  }
  return words;
}

/** Return an alignment of the API as `[{ source, target }]` with ranges `{ start, end }` in UTF-16 code units. */
export function convertAlignment(alignment, source, target) {
  const inSource = codePointOffsets(source), inTarget = codePointOffsets(target);
  return (alignment ?? []).map(([a, b, c, d]) => ({
    source: { start: inSource(a), end: inSource(b) },
    target: { start: inTarget(c), end: inTarget(d) },
  }));
}

export const overlap = (one, other) => one.start < other.end && other.start < one.end;
