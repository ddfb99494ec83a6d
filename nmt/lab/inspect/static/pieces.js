// The source text and the translation, coloured by a unit or by the probability of the pieces.

import { blend, displayPiece, element } from './elements.js';
import { isGate, largest } from './activations.js';

const MIN_LOG_PROBABILITY = -6;  // shown in full colour

/** Write the pieces of both texts into their elements; returns functions that colour and link them. */
export function createTexts(view, boxes) {
  const { facts } = view.data, spans = {
    encoder: facts.source ? writePieces(boxes.source, facts.source) : [],
    decoder: writePieces(boxes.target, [...facts.read, '</s>']),
  };
  for (const part of ['encoder', 'decoder']) {
    spans[part].forEach((span, place) => {
      const isRead = () => view.layer.part === part && place < view.layer.places;
      span.addEventListener('click', () => { if (isRead()) view.select({ place }); });
      span.addEventListener('pointerenter', () => { if (isRead()) view.showReadout(view.chosen.unit, place); });
    });
  }
  return { colour: (byScore) => colourTexts(view, spans, byScore), link: (source, target) => linkPieces(spans, source, target) };
}

function writePieces(box, pieces) {
  const spans = pieces.map((piece, n) => {
    const endsLine = piece.endsWith('\n'), edge = endsLine || /^<\/?s>$/.test(piece);
    const text = endsLine ? `${displayPiece(piece)}\n` : edge ? ` ${piece} ` : piece.replaceAll('▁', n ? ' ' : '');
    return element('span', { className: edge ? 'piece edge' : 'piece', textContent: text });
  });
  box.replaceChildren(...spans);
  return spans;
}

function colourTexts(view, spans, byScore) {
  const { data, layer, chosen } = view, line = data.row(layer, chosen.quantity, chosen.unit);
  const most = isGate(chosen.quantity) ? 1 : largest(line);
  for (const part of ['encoder', 'decoder']) {
    spans[part].forEach((span, place) => {
      const isRead = part === layer.part && place < line.length;
      const byUnit = isRead && line[place] / most, probability = part === 'decoder' && place > 0 && data.score(place) / -MIN_LOG_PROBABILITY;
      const share = byScore ? probability : byUnit;
      span.style.backgroundColor = share === false ? '' : `rgb(${blend(view.colours, 0.62 * Math.max(share, -1)).join(' ')})`;
      span.classList.toggle('here', isRead && place === chosen.place);
    });
  }
}

/** Mark a source piece and a piece of the translation as linked; without them, clear the marks. */
function linkPieces(spans, source, target) {
  for (const span of [...spans.encoder, ...spans.decoder]) span.classList.remove('linked');
  spans.encoder[source]?.classList.add('linked');
  spans.decoder[target]?.classList.add('linked');
}
