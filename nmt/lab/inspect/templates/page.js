'use strict';
// Draws the page from the embedded facts and arrays. T positions, D units; a map is stored unit by unit: [D][T].
(async () => {
const find = (id) => document.getElementById(id);
const facts = JSON.parse(find('facts').textContent);
const bytes = await inflate(find('arrays').textContent);
const started = performance.now();
const chosen = { layer: 0, quantity: 'cell', unit: 0, place: 0, head: [0, 0], node: facts.tree ? facts.tree.path.at(-1) : 0 };
const GATES = ['input', 'forget', 'output', 'reset', 'update', 'depth'];
const STATES = ['cell', 'hidden'];
const MARKS = { '▁': '␣', ' ': '␣', '\t': '⇥', '\n': '↵' };
const MIN_LOG_PROBABILITY = -6;  // shown in full colour
let colours = readColours();

// --- data ------------------------------------------------------------------------------------------------

async function inflate(text) {
  const raw = atob(text), packed = new Uint8Array(raw.length);
  for (let n = 0; n < raw.length; n++) packed[n] = raw.charCodeAt(n);
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream('deflate'));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

function layer() { return facts.layers[chosen.layer]; }

/** Values of a quantity for all units; a hidden state that is not stored is the output gate times tanh of the cell. */
function values(current, name) {
  current.maps ??= {};
  if (!current.maps[name]) {
    const map = current.stored.find((each) => each.name === name);
    if (map) {
      const ends = map.ends === undefined ? null : new DataView(bytes.buffer, map.ends, 8 * current.units);
      const found = current.maps[name] = new Float32Array(current.units * current.places);
      for (let unit = 0; unit < current.units; unit++) {
        const low = ends ? ends.getFloat32(8 * unit, true) : 0, high = ends ? ends.getFloat32(8 * unit + 4, true) : 1;
        const scale = (high - low) / facts.steps[ends ? 'state' : 'gate'], from = unit * current.places;
        for (let n = from; n < from + current.places; n++) found[n] = low + scale * bytes[map.start + n];
      }
    } else {
      const gate = values(current, 'output');
      current.maps[name] = values(current, 'cell').map((cell, n) => gate[n] * Math.tanh(cell));
    }
  }
  return current.maps[name];
}

function quantities() { return layer().names; }
function row(name, unit) { return values(layer(), name).subarray(unit * layer().places, (unit + 1) * layer().places); }
function isGate(name) { return GATES.includes(name); }
function largest(map) { return map.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-6); }
function pieces() { return layer().part === 'encoder' ? facts.source : facts.read; }

/** Text of a piece: its word boundary becomes a space, and whitespace a visible symbol. */
function displayPiece(piece) { return piece.replaceAll('▁', ' ').trim() || MARKS[piece[0]] || piece; }
function signed(value) { return (value < 0 ? '−' : '') + Math.abs(value).toFixed(Math.abs(value) < 10 ? 2 : 1); }

// --- colours ---------------------------------------------------------------------------------------------

function readColours() {
  const style = getComputedStyle(document.documentElement);
  const parse = (name) => style.getPropertyValue(name).trim().match(/\w\w/g).map((pair) => parseInt(pair, 16));
  return { paper: parse('--paper'), positive: parse('--positive'), negative: parse('--negative') };
}

/** Colour of a value from -1 (red) over 0 (background) to 1 (blue). */
function blend(share) {
  const end = share < 0 ? colours.negative : colours.positive, part = Math.min(Math.abs(share), 1);
  return colours.paper.map((from, n) => Math.round(from + (end[n] - from) * part));
}

function paint(canvas, columns, rows, share) {
  canvas.width = columns;
  canvas.height = rows;
  const context = canvas.getContext('2d'), image = context.createImageData(columns, rows);
  const palette = new Uint32Array(Uint8Array.from(Array.from({ length: 511 }, (_, n) => [...blend(n / 255 - 1), 255]).flat()).buffer);
  const pixels = new Uint32Array(image.data.buffer);
  for (let n = 0; n < columns * rows; n++) pixels[n] = palette[255 + Math.round(255 * share(n))];
  context.putImageData(image, 0, 0);
}

// --- texts -----------------------------------------------------------------------------------------------

function writeText(id, all) {
  const spans = all.map((piece, n) => {
    const span = document.createElement('span');
    const ends = piece.endsWith('\n'), edge = ends || /^<\/?s>$/.test(piece);
    span.className = edge ? 'piece edge' : 'piece';
    span.textContent = ends ? `${displayPiece(piece)}\n` : edge ? ` ${piece} ` : piece.replaceAll('▁', n ? ' ' : '');
    span.dataset.place = n;
    return span;
  });
  find(id).replaceChildren(...spans);
  return spans;
}

const texts = { encoder: facts.source ? writeText('source-text', facts.source) : [], decoder: writeText('target-text', [...facts.read, '</s>']) };

for (const part of ['encoder', 'decoder']) {
  for (const span of texts[part]) {
    const place = Number(span.dataset.place);
    const valid = () => layer().part === part && place < layer().places;
    span.addEventListener('click', () => { if (valid()) select({ place }); });
    span.addEventListener('pointerenter', () => { if (valid()) showReadout(chosen.unit, place); });
  }
}

function colourTexts() {
  const line = row(chosen.quantity, chosen.unit), most = isGate(chosen.quantity) ? 1 : largest(line);
  const byScore = find('by-score').checked;
  for (const part of ['encoder', 'decoder']) {
    texts[part].forEach((span, place) => {
      const counts = part === layer().part && place < line.length;
      const share = byScore ? part === 'decoder' && place > 0 && scoreOf(place) / -MIN_LOG_PROBABILITY : counts && line[place] / most;
      span.style.backgroundColor = share === false ? '' : `rgb(${blend(0.62 * Math.max(share, -1)).join(' ')})`;
      span.classList.toggle('here', counts && place === chosen.place);
    });
  }
}

/** Log-probability of the piece at a decoder position, which was predicted one step before it is read. */
function scoreOf(place) { return facts.scores[place - 1]; }
find('by-score').addEventListener('change', colourTexts);

function showReadout(unit, place) {
  const value = row(chosen.quantity, unit)[place];
  const written = layer().part === 'decoder' && place > 0 ? `, log-probability ${signed(scoreOf(place))}` : '';
  find('readout').textContent = `unit ${unit}, “${displayPiece(pieces()[place])}”: ${chosen.quantity} ${signed(value)}${written}`;
  find('forget-statistics').textContent = forgetSummary(unit);
}

/** Text with a unit's mean forget gate and half-life; empty for cells without a forget gate. */
function forgetSummary(unit) {
  const current = layer();
  if (current.mean_forget === undefined) return '';
  const [mean, life] = [current.mean_forget, current.half_life].map((start) => new DataView(bytes.buffer, start).getFloat32(4 * unit, true));
  if (Number.isNaN(mean)) return 'mean forget gate and half-life: – (a single step)';
  const digits = life < 100 ? 1 : 0;
  const steps = life === Infinity ? '∞' : life.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });
  return `mean forget gate ${mean.toFixed(4)}, half-life ${steps} steps`;
}

// --- controls --------------------------------------------------------------------------------------------

function select(change) {
  Object.assign(chosen, change);
  const current = layer();
  if (!quantities().includes(chosen.quantity)) chosen.quantity = quantities()[0];
  chosen.unit = Math.min(Math.max(chosen.unit, 0), current.units - 1);
  chosen.place = Math.min(Math.max(chosen.place, 0), current.places - 1);
  if ('layer' in change) listQuantities();
  find('layer').value = chosen.layer;
  find('unit').max = current.units - 1;
  if (Number(find('unit').value) !== chosen.unit || find('unit').value === '') find('unit').value = chosen.unit;
  find('units-in-all').textContent = `of 0 to ${current.units - 1}`;
  for (const radio of find('quantities').querySelectorAll('input')) radio.checked = radio.value === chosen.quantity;
  colourTexts();
  drawLines();
  if ('layer' in change || 'quantity' in change) drawHeat();
  moveHeatCursor();
  showReadout(chosen.unit, chosen.place);
}

function listQuantities() {
  const legend = find('quantities').firstElementChild;
  find('quantities').replaceChildren(legend, ...quantities().map((name) => {
    const label = document.createElement('label'), radio = document.createElement('input');
    Object.assign(radio, { type: 'radio', name: 'quantity', value: name });
    label.append(radio, GATES.includes(name) ? `${name} gate` : name);
    return label;
  }));
}

function fill(select, labels) {
  select.replaceChildren(...labels.map((label, n) => new Option(label, n)));
}

fill(find('layer'), facts.layers.map((each) => each.title));
find('controls').addEventListener('submit', (event) => event.preventDefault());
find('layer').addEventListener('change', (event) => select({ layer: Number(event.target.value) }));
find('quantities').addEventListener('change', (event) => select({ quantity: event.target.value }));
find('unit').addEventListener('input', (event) => {
  if (event.target.value !== '') select({ unit: Math.round(Number(event.target.value)) });
});
find('unit').addEventListener('blur', (event) => { event.target.value = chosen.unit; });

// --- unit over time ----------------------------------------------------------------------------------

function svg(tag, attributes, text) {
  const element = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (text !== undefined) element.textContent = text;
  return element;
}

const LABEL = 16;  // pixels per label
const MAX_POSITIONS = 400;  // longer texts are drawn over time in part

function drawLines() {
  const plot = linePlot(), picture = svg('svg', { width: '100%', role: 'img', 'aria-label': `Gates and states of unit ${chosen.unit}` });
  let top = 22;
  for (const panel of unitPanels()) {
    const y = (value) => top + (panel.high - value) / (panel.high - panel.low) * panel.height;
    picture.append(...levelLines(panel, plot, y), ...curves(panel, plot, y, top));
    top += panel.height + 34;
  }
  const bottom = top - 26, { labels, height } = placeLabels(plot, bottom);
  picture.append(...labels, svg('line', { class: 'cursor', x1: plot.x(chosen.place), x2: plot.x(chosen.place), y1: 14, y2: bottom }));
  picture.setAttribute('height', bottom + height);
  picture.setAttribute('viewBox', `0 0 ${plot.width} ${bottom + height}`);
  trackPointer(picture, plot);
  find('lines').replaceChildren(picture);
  const { from, to } = plot;
  find('lines-part').textContent = to - from < layer().places ? `Positions ${from} to ${to - 1} of ${layer().places}, around the selected one.` : '';
}

/** Range [from, to) of the plotted positions, the edges of the plot in pixels, and the x of a position. */
function linePlot() {
  const width = find('lines').clientWidth || 900, left = 44, right = width - 12;
  const [from, to] = visibleRange(Math.floor((right - left) / LABEL)), steps = to - from - 1;
  return { width, left, right, from, to, x: (place) => left + (steps ? (place - from) / steps : 0.5) * (right - left) };
}

/** Quantities that share a scale: the gates, if the cell has any, and the states. */
function unitPanels() {
  const gates = quantities().filter(isGate), states = quantities().filter((name) => STATES.includes(name));
  const most = states.reduce((found, name) => Math.max(found, largest(row(name, chosen.unit))), 0);
  const statePanel = { names: states, low: -most, high: most, height: 140 };
  return gates.length ? [{ names: gates, low: 0, high: 1, height: 110 }, statePanel] : [statePanel];
}

function levelLines(panel, { left, right }, y) {
  return (panel.low < 0 ? [panel.low, 0, panel.high] : [0, 0.5, 1]).flatMap((level) => [
    svg('line', { x1: left, x2: right, y1: y(level), y2: y(level), class: level ? 'grid' : 'axis' }),
    svg('text', { x: left - 6, y: y(level) + 4, 'text-anchor': 'end' }, signed(level)),
  ]);
}

/** Lines of the panel's quantities over time, with a legend above. */
function curves(panel, { left, from, to, x }, y, top) {
  return panel.names.flatMap((name, n) => {
    const kind = name === 'hidden' ? 'hidden-state' : name, legend = left + 110 * n;
    const part = row(name, chosen.unit).subarray(from, to);
    const points = Array.from(part, (value, at) => `${x(from + at).toFixed(1)},${y(value).toFixed(1)}`);
    return [
      svg('polyline', { class: `line ${kind}`, points: points.join(' ') }),
      svg('line', { class: `line ${kind}`, x1: legend, x2: legend + 20, y1: top - 11, y2: top - 11 }),
      svg('text', { class: 'label', x: legend + 25, y: top - 7 }, name + (isGate(name) ? ' gate' : '')),
    ];
  });
}

/** Labels below the plot and their height: the pieces, or the numbers of some positions if the pieces do not fit. */
function placeLabels({ left, right, from, to, x }, bottom) {
  const few = (to - from) * LABEL <= right - left, names = few ? pieces().slice(from, to).map(displayPiece) : [];
  const labels = [];
  for (let place = from; place < to; place += few ? 1 : Math.ceil(to / 20 / 5) * 5) {
    const at = { x: x(place) + 4, y: bottom + 6 };
    const turned = { ...at, 'text-anchor': 'end', transform: `rotate(-90 ${at.x} ${at.y})` };
    const upright = { x: x(place), y: bottom + 14, 'text-anchor': 'middle' };
    const label = few ? names[place - from] : place;
    labels.push(svg('text', label.length > 1 ? turned : upright, label));
  }
  return { labels, height: few ? 14 + 6.5 * Math.max(...names.map((name) => name.length)) : 24 };
}

function trackPointer(picture, { width, left, right, from, to }) {
  const nearest = (event) => {
    const box = picture.getBoundingClientRect(), share = ((event.clientX - box.left) / box.width * width - left) / (right - left);
    return Math.min(Math.max(from + Math.round(share * (to - from - 1)), from), to - 1);
  };
  picture.addEventListener('pointermove', (event) => showReadout(chosen.unit, nearest(event)));
  picture.addEventListener('click', (event) => select({ place: nearest(event) }));
}

/** Range [from, to) of the positions to draw over time: all, or in a long text as many as fit with their labels. */
function visibleRange(capacity) {
  const all = layer().places;
  if (all <= MAX_POSITIONS) return [0, all];
  const from = Math.min(Math.floor(chosen.place / capacity) * capacity, all - capacity);
  return [from, from + capacity];
}

// --- heat map of all units -------------------------------------------------------------------------------------------

const heat = find('heat'), heatCanvas = heat.querySelector('canvas');

function drawHeat() {
  const current = layer(), map = values(current, chosen.quantity), gate = isGate(chosen.quantity);
  const limits = colourLimits(current);
  paint(heatCanvas, current.places, current.units, (n) => map[n] / limits[Math.floor(n / current.places)]);
  const tall = current.units <= 64 ? 9 : current.units <= 128 ? 5 : current.units <= 256 ? 3 : 2;
  heatCanvas.style.height = `${tall * current.units + 2}px`;
  heat.setAttribute('aria-label', `${chosen.quantity} of ${current.units} units at ${current.places} positions, ${current.title}`);
  const rgb = (share) => `rgb(${blend(share).join(' ')})`;
  find('ramp').style.background = gate ? `linear-gradient(90deg, ${rgb(0)}, ${rgb(1)})` : `linear-gradient(90deg, ${rgb(-1)}, ${rgb(0)}, ${rgb(1)})`;
  const end = chosen.quantity === 'hidden' ? signed(limits[0]) : limits.some((most) => most > 1) ? '1 or the unit’s maximum' : '1';
  find('low').textContent = gate ? '0' : `−${end}`;
  find('high').textContent = gate ? '1' : end;
}

/** Value of full colour for each unit; a counting cell goes far beyond ±1, and its growth should be visible. */
function colourLimits(current) {
  const all = (most) => Array(current.units).fill(most);
  if (isGate(chosen.quantity)) return all(1);
  if (chosen.quantity === 'hidden') return all(largest(values(current, 'hidden')));
  return Array.from({ length: current.units }, (_, unit) => Math.max(1, largest(row('cell', unit))));
}

function moveHeatCursor() {
  const mark = heat.querySelector('.row'), line = heat.querySelector('.column'), current = layer();
  mark.style.top = `${1 + (heatCanvas.clientHeight) * chosen.unit / current.units}px`;
  mark.style.height = `${heatCanvas.clientHeight / current.units}px`;
  line.style.left = `${1 + heatCanvas.clientWidth * (chosen.place + 0.5) / current.places}px`;
}

function cellAt(canvas, columns, rows, event) {
  const box = canvas.getBoundingClientRect();
  const at = (share, count) => Math.min(Math.max(Math.floor(share * count), 0), count - 1);
  return [at((event.clientX - box.left) / box.width, columns), at((event.clientY - box.top) / box.height, rows)];
}

heat.addEventListener('pointermove', (event) => {
  const [place, unit] = cellAt(heatCanvas, layer().places, layer().units, event);
  showReadout(unit, place);
});
heat.addEventListener('pointerleave', () => showReadout(chosen.unit, chosen.place));
heat.addEventListener('click', (event) => {
  const [place, unit] = cellAt(heatCanvas, layer().places, layer().units, event);
  select({ place, unit });
});
heat.addEventListener('keydown', (event) => {
  const [down, right] = { ArrowDown: [1, 0], ArrowUp: [-1, 0], ArrowRight: [0, 1], ArrowLeft: [0, -1] }[event.key] ?? [0, 0];
  if (down || right) {
    event.preventDefault();
    select({ unit: chosen.unit + down, place: chosen.place + right });
  }
});

// --- attention -------------------------------------------------------------------------------------------

/** Set up the attention matrix of the chosen head, T target by S source pieces; returns a function that redraws it. */
function setUpAttention() {
  const box = find('attention');
  if (!box) return () => {};
  const matrix = createMatrix(box), draw = () => {
    const map = headWeights();
    paint(matrix.canvas, facts.source.length, facts.written.length, (n) => map[n] / 255);
  };
  selectHead(() => { draw(); markWeight(matrix, matrix.at); });
  trackWeights(box, matrix);
  draw();
  return draw;
}

/** Weights [T × S] of the chosen layer and head, in steps of 1/255. */
function headWeights() {
  const [number, head] = chosen.head, size = facts.written.length * facts.source.length;
  const start = facts.attention[number].start + head * size;
  return bytes.subarray(start, start + size);
}

function createMatrix(box) {
  const S = facts.source.length, T = facts.written.length, size = Math.max(11, Math.min(24, Math.floor(640 / Math.max(S, T))));
  const canvas = document.createElement('canvas'), corner = block('corner'), matrix = block('matrix');
  const across = matrixLabels(facts.source, 'across', size), down = matrixLabels(facts.written, 'down', size);
  canvas.style.width = `${size * S}px`;
  canvas.style.height = `${size * T}px`;
  matrix.append(corner, across, down, canvas);
  box.replaceChildren(matrix);
  return { canvas, across, down, at: null };
}

function block(name) {
  const made = document.createElement('div');
  made.className = name;
  return made;
}

function matrixLabels(all, name, size) {
  const list = block(name);
  list.append(...all.map((piece) => {
    const span = document.createElement('span');
    span.textContent = displayPiece(piece);
    span.style[name === 'down' ? 'height' : 'width'] = span.style.lineHeight = `${size}px`;
    return span;
  }));
  return list;
}

/** Mark the two pieces of a weight in the matrix and in the texts, and show the weight; null clears the marks. */
function markWeight(matrix, cell) {
  matrix.at = cell;
  for (const span of document.querySelectorAll('.linked, .across .here, .down .here')) span.classList.remove('linked', span.closest('.matrix') ? 'here' : 'linked');
  find('attention-readout').textContent = '';
  if (!cell) return;
  const [column, line] = cell, weight = headWeights()[line * facts.source.length + column] / 255;
  matrix.across.children[column].classList.add('here');
  matrix.down.children[line].classList.add('here');
  texts.encoder[column].classList.add('linked');
  texts.decoder[line + 1].classList.add('linked');
  find('attention-readout').textContent = `“${displayPiece(facts.written[line])}” ← “${displayPiece(facts.source[column])}”: ${weight.toFixed(2)}`;
}

function selectHead(show) {
  const listHeads = () => {
    const count = facts.attention[chosen.head[0]].heads;
    fill(find('attention-head'), Array.from({ length: count }, (_, n) => `${n + 1}`));
    chosen.head[1] = Math.min(chosen.head[1], count - 1);
    find('attention-head').value = chosen.head[1];
  };
  fill(find('attention-layer'), facts.attention.map((_, n) => `${n + 1}`));
  listHeads();
  find('attention-layer').addEventListener('change', (event) => { chosen.head[0] = Number(event.target.value); listHeads(); show(); });
  find('attention-head').addEventListener('change', (event) => { chosen.head[1] = Number(event.target.value); show(); });
}

function trackWeights(box, matrix) {
  const S = facts.source.length, T = facts.written.length;
  matrix.canvas.addEventListener('pointermove', (event) => markWeight(matrix, cellAt(matrix.canvas, S, T, event)));
  matrix.canvas.addEventListener('pointerleave', () => markWeight(matrix, null));
  box.addEventListener('keydown', (event) => {
    const [dx, dy] = { ArrowDown: [0, 1], ArrowUp: [0, -1], ArrowRight: [1, 0], ArrowLeft: [-1, 0] }[event.key] ?? [0, 0];
    if (!dx && !dy) return;
    event.preventDefault();
    const [column, line] = matrix.at ?? [0, 0];
    markWeight(matrix, [Math.min(Math.max(column + dx, 0), S - 1), Math.min(Math.max(line + dy, 0), T - 1)]);
    matrix.down.children[matrix.at[1]].scrollIntoView({ block: 'nearest' });
  });
}

// --- beam search ------------------------------------------------------------------------------------------

const NODE_WIDTH = 84, NODE_HEIGHT = 28;  // in pixels

function drawTree() {
  const box = find('tree');
  if (!box) return;
  const tree = { ...layOutTree(), best: new Set(facts.tree.path), nodes: [], edges: [], marked: [] };
  const most = tree.columns.reduce((found, column) => Math.max(found, column.length), 0);
  const picture = svg('svg', { width: tree.columns.length * NODE_WIDTH, height: most * NODE_HEIGHT + 8 }), boxes = svg('g', {});
  for (const node of tree.places.keys()) {
    if (node) picture.append(tree.edges[node] = parentEdge(tree, node));
    boxes.append(tree.nodes[node] = nodeBox(tree, node));
  }
  picture.append(boxes);
  box.replaceChildren(picture);
  trackTree(box, picture, tree);
  resetTree(tree);
}

/** Nodes of each step, best first, and the position [x, y] of each node. */
function layOutTree() {
  const { steps, scores } = facts.tree, columns = [];
  steps.forEach((step, node) => (columns[step] ??= []).push(node));
  for (const column of columns) column.sort((a, b) => scores[b] - scores[a]);
  const places = new Map(columns.flatMap((column, step) => column.map((node, n) => [node, [step * NODE_WIDTH + 4, n * NODE_HEIGHT + 4]])));
  return { columns, places };
}

function parentEdge({ places, best }, node) {
  const [x, y] = places.get(node), [px, py] = places.get(facts.tree.parents[node]), half = (NODE_HEIGHT - 8) / 2, from = px + NODE_WIDTH - 18;
  return svg('path', { d: `M${from} ${py + half}C${from + 9} ${py + half} ${x - 9} ${y + half} ${x} ${y + half}`, class: best.has(node) ? 'best' : '' });
}

function nodeBox({ places, best }, node) {
  const [x, y] = places.get(node), ended = facts.tree.ranks[node] !== null, label = displayPiece(facts.tree.pieces[node]);
  const kind = [best.has(node) || node === 0 ? 'best' : '', ended ? 'ended' : ''].join(' ').trim();
  const group = svg('g', { class: kind, 'data-node': node });
  group.append(svg('rect', { x, y, width: NODE_WIDTH - 18, height: NODE_HEIGHT - 8, rx: ended ? 2 : 9 }));
  group.append(svg('text', { x: x + 7, y: y + 14 }, label.length > 8 ? `${label.slice(0, 7)}…` : label));
  return group;
}

/** Nodes from the root, which is left out, to a node. */
function ancestors(node) {
  const found = [];
  for (; node > 0; node = facts.tree.parents[node]) found.unshift(node);
  return found;
}

/** Mark a hypothesis with its ancestors, and show its text and score. */
function markHypothesis(tree, node) {
  const { pieces: names, scores, ranks } = facts.tree, line = ancestors(node);
  clearMarks(tree);
  chosen.node = node;
  tree.marked = [0, ...line];
  for (const each of tree.marked) { tree.nodes[each].classList.add('here'); tree.edges[each]?.classList.add('here'); }
  const text = line.filter((each) => ranks[each] === null).map((each) => names[each]).join('').replaceAll('▁', ' ').trim();
  const rank = ranks[node] === null ? '' : `, finished, ranking score ${signed(ranks[node])}`;
  find('tree-readout').textContent = `${text || '(nothing yet)'} — log-probability ${signed(scores[node])}${rank}`;
}

function clearMarks(tree) {
  for (const old of tree.marked) { tree.nodes[old].classList.remove('here'); tree.edges[old]?.classList.remove('here'); }
  tree.marked = [];
}

/** Show the translation, which is always highlighted, and clear the other marks. */
function resetTree(tree) {
  markHypothesis(tree, facts.tree.path.at(-1));
  clearMarks(tree);
}

function trackTree(box, picture, tree) {
  picture.addEventListener('pointerover', (event) => {
    const group = event.target.closest('[data-node]');
    if (group) markHypothesis(tree, Number(group.dataset.node));
  });
  picture.addEventListener('pointerleave', () => resetTree(tree));
  box.addEventListener('keydown', (event) => {
    if (event.key.startsWith('Arrow')) event.preventDefault();
    const next = neighbour(tree, event.key);
    if (next === undefined || next < 0) return;
    markHypothesis(tree, next);
    const [x] = tree.places.get(next);
    if (x < box.scrollLeft || x + NODE_WIDTH > box.scrollLeft + box.clientWidth) box.scrollLeft = x - box.clientWidth / 2;
  });
}

/** Node that an arrow key leads to, if there is one. */
function neighbour({ columns, best }, key) {
  const { steps, parents } = facts.tree, step = steps[chosen.node], column = columns[step], here = column.indexOf(chosen.node);
  const children = columns[step + 1]?.filter((node) => parents[node] === chosen.node) ?? [];
  return {
    ArrowLeft: parents[chosen.node], ArrowRight: children.find((node) => best.has(node)) ?? children[0],
    ArrowUp: column[here - 1], ArrowDown: column[here + 1],
  }[key];
}

// --- set-up -------------------------------------------------------------------------------------------

const found = [...document.querySelectorAll('button[data-unit]')];
const unitOfButton = ({ dataset }) => ({ layer: Number(dataset.layer), quantity: dataset.quantity, unit: Number(dataset.unit) });
for (const button of found) {
  button.addEventListener('click', () => {
    select(unitOfButton(button));
    find('controls').scrollIntoView();
  });
}
select(found.length ? unitOfButton(found[0]) : { layer: 0, quantity: 'cell' });
const drawAttention = setUpAttention();
drawTree();
addEventListener('resize', () => { drawLines(); moveHeatCursor(); });
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
  colours = readColours();
  select({ layer: chosen.layer, quantity: chosen.quantity });
  drawAttention();
});
requestAnimationFrame(() => setTimeout(() => {
  // Measured from the start of the page load, including decoding.
  document.documentElement.dataset.drawn = Math.round(performance.now());
  find('drawn').textContent = `Drawn in ${((performance.now() - started) / 1000).toFixed(2)} s.`;
}));
})();
