// The attention matrix of a head: T target by S source pieces.

import { arrowMovement, choice, displayPiece, element, paint, pixelAt } from './elements.js';

/** Create the attention section; returns its elements and a function that draws the matrix. */
export function createAttention(view) {
  const { facts } = view.data, { words } = view, shown = { layer: facts.attention.length - 1, head: 0, cell: null };
  const layers = choice(words.layer, 'inspection-attention-layer', facts.attention.map((_, n) => `${n + 1}`));
  const heads = choice(words.head, 'inspection-attention-head', []);
  const readout = element('output', { id: 'inspection-attention-readout' });
  const form = element('form', { className: 'choice', autocomplete: 'off' }, layers, heads, readout);
  form.addEventListener('submit', (event) => event.preventDefault());
  const matrix = createMatrix(facts);
  const box = element('div', { id: 'inspection-attention', className: 'wide', tabIndex: 0, role: 'application', 'aria-label': words.attentionMatrix }, matrix.grid);
  const draw = () => {
    const weights = view.data.attention(shown.layer, shown.head);
    paint(matrix.canvas, facts.source.length, facts.written.length, view.colours, (n) => weights[n] / 255);
  };
  const mark = (cell) => markWeight(view, matrix, readout, shown, cell);
  selectHead(facts, shown, layers.lastChild, heads.lastChild, () => { draw(); mark(shown.cell); });
  trackWeights(facts, box, matrix, shown, mark);
  return { elements: [form, box], draw };
}

function createMatrix({ source, written }) {
  const size = Math.max(11, Math.min(24, Math.floor(640 / Math.max(source.length, written.length))));
  const canvas = element('canvas'), across = labels(source, 'across', size), down = labels(written, 'down', size);
  canvas.style.width = `${size * source.length}px`;
  canvas.style.height = `${size * written.length}px`;
  const grid = element('div', { className: 'matrix' }, element('div', { className: 'corner' }), across, down, canvas);
  return { grid, canvas, across, down };
}

function labels(pieces, name, size) {
  return element('div', { className: name }, ...pieces.map((piece) => {
    const span = element('span', { textContent: displayPiece(piece) });
    span.style[name === 'down' ? 'height' : 'width'] = span.style.lineHeight = `${size}px`;
    return span;
  }));
}

/** Mark the two pieces of a weight in the matrix and in the texts, and show the weight; null clears the marks. */
function markWeight(view, matrix, readout, shown, cell) {
  const { facts } = view.data;
  shown.cell = cell;
  for (const span of matrix.grid.querySelectorAll('.here')) span.classList.remove('here');
  view.texts.link(cell?.[0], cell ? cell[1] + 1 : undefined);
  readout.textContent = '';
  if (!cell) return;
  const [column, line] = cell, weight = view.data.attention(shown.layer, shown.head)[line * facts.source.length + column] / 255;
  matrix.across.children[column].classList.add('here');
  matrix.down.children[line].classList.add('here');
  readout.textContent = `“${displayPiece(facts.written[line])}” ← “${displayPiece(facts.source[column])}”: ${weight.toFixed(2)}`;
}

function selectHead(facts, shown, layers, heads, show) {
  const listHeads = () => {
    const count = facts.attention[shown.layer].heads;
    heads.replaceChildren(...Array.from({ length: count }, (_, n) => new Option(`${n + 1}`, n)));
    shown.head = Math.min(shown.head, count - 1);
    heads.value = shown.head;
  };
  layers.value = shown.layer;
  listHeads();
  layers.addEventListener('change', () => { shown.layer = Number(layers.value); listHeads(); show(); });
  heads.addEventListener('change', () => { shown.head = Number(heads.value); show(); });
}

function trackWeights({ source, written }, box, matrix, shown, mark) {
  const S = source.length, T = written.length;
  matrix.canvas.addEventListener('pointermove', (event) => mark(pixelAt(matrix.canvas, S, T, event)));
  matrix.canvas.addEventListener('pointerleave', () => mark(null));
  box.addEventListener('keydown', (event) => {
    const movement = arrowMovement(event);
    if (!movement) return;
    event.preventDefault();
    const [column, line] = shown.cell ?? [0, 0];
    mark([Math.min(Math.max(column + movement[0], 0), S - 1), Math.min(Math.max(line + movement[1], 0), T - 1)]);
    matrix.down.children[shown.cell[1]].scrollIntoView({ block: 'nearest' });
  });
}
