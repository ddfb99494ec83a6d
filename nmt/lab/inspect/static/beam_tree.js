// The search tree of the beam: every hypothesis that the beam kept at any step.

import { arrowMovement, displayPiece, element, signed, svg } from './elements.js';

const NODE_WIDTH = 84, NODE_HEIGHT = 28;  // in pixels

/** Create the tree section; returns its elements. */
export function createBeamTree(view) {
  const { tree: facts } = view.data.facts, { words } = view;
  const tree = { facts, ...layOut(facts), best: new Set(facts.path), nodes: [], edges: [], marked: [], at: facts.path.at(-1) };
  const most = tree.columns.reduce((found, column) => Math.max(found, column.length), 0);
  const picture = svg('svg', { width: tree.columns.length * NODE_WIDTH, height: most * NODE_HEIGHT + 8, 'aria-hidden': 'true' });
  const boxes = svg('g');
  for (const node of tree.places.keys()) {
    if (node) picture.append(tree.edges[node] = parentEdge(tree, node));
    boxes.append(tree.nodes[node] = nodeBox(tree, node));
  }
  picture.append(boxes);
  const readout = element('output', { id: 'inspection-tree-readout' });
  const box = element('div', { id: 'inspection-tree', className: 'wide tree', tabIndex: 0, role: 'application', 'aria-label': words.searchTree }, picture);
  track(tree, box, picture, (node) => mark(tree, readout, words, node));
  reset(tree, readout, words);
  picture.addEventListener('pointerleave', () => reset(tree, readout, words));
  return { elements: [readout, box] };
}

/** Nodes of each step, best first, and the position [x, y] of each node. */
function layOut({ steps, scores }) {
  const columns = [];
  steps.forEach((step, node) => (columns[step] ??= []).push(node));
  for (const column of columns) column.sort((a, b) => scores[b] - scores[a]);
  const places = new Map(columns.flatMap((column, step) => column.map((node, n) => [node, [step * NODE_WIDTH + 4, n * NODE_HEIGHT + 4]])));
  return { columns, places };
}

function parentEdge({ facts, places, best }, node) {
  const [x, y] = places.get(node), [px, py] = places.get(facts.parents[node]), half = (NODE_HEIGHT - 8) / 2, from = px + NODE_WIDTH - 18;
  return svg('path', { d: `M${from} ${py + half}C${from + 9} ${py + half} ${x - 9} ${y + half} ${x} ${y + half}`, class: best.has(node) ? 'best' : '' });
}

function nodeBox({ facts, places, best }, node) {
  const [x, y] = places.get(node), ended = facts.ranks[node] !== null, label = displayPiece(facts.pieces[node]);
  const kind = [best.has(node) || node === 0 ? 'best' : '', ended ? 'ended' : ''].join(' ').trim();
  return svg('g', { class: kind, 'data-node': node },
    svg('rect', { x, y, width: NODE_WIDTH - 18, height: NODE_HEIGHT - 8, rx: ended ? 2 : 9 }),
    svg('text', { x: x + 7, y: y + 14 }, label.length > 8 ? `${label.slice(0, 7)}…` : label));
}

/** Mark a hypothesis with its ancestors, and show its text and score. */
function mark(tree, readout, words, node) {
  const { pieces, scores, ranks, parents } = tree.facts, line = [];
  for (let each = node; each > 0; each = parents[each]) line.unshift(each);
  clear(tree);
  tree.at = node;
  tree.marked = [0, ...line];
  for (const each of tree.marked) { tree.nodes[each].classList.add('here'); tree.edges[each]?.classList.add('here'); }
  const text = line.filter((each) => ranks[each] === null).map((each) => pieces[each]).join('').replaceAll('▁', ' ').trim();
  readout.textContent = words.hypothesis(text, signed(scores[node]), ranks[node] === null ? null : signed(ranks[node]));
}

function clear(tree) {
  for (const old of tree.marked) { tree.nodes[old].classList.remove('here'); tree.edges[old]?.classList.remove('here'); }
  tree.marked = [];
}

/** Show the translation, which is always highlighted, and clear the other marks. */
function reset(tree, readout, words) {
  mark(tree, readout, words, tree.facts.path.at(-1));
  clear(tree);
}

function track(tree, box, picture, markNode) {
  picture.addEventListener('pointerover', (event) => {
    const group = event.target.closest('[data-node]');
    if (group) markNode(Number(group.dataset.node));
  });
  box.addEventListener('keydown', (event) => {
    if (!arrowMovement(event)) return;
    event.preventDefault();
    const next = neighbour(tree, event.key);
    if (next === undefined || next < 0) return;
    markNode(next);
    const [x] = tree.places.get(next);
    if (x < box.scrollLeft || x + NODE_WIDTH > box.scrollLeft + box.clientWidth) box.scrollLeft = x - box.clientWidth / 2;
  });
}

/** Node that an arrow key leads to, if there is one. */
function neighbour({ facts, columns, best, at }, key) {
  const step = facts.steps[at], column = columns[step], here = column.indexOf(at);
  const children = columns[step + 1]?.filter((node) => facts.parents[node] === at) ?? [];
  return {
    ArrowLeft: facts.parents[at], ArrowRight: children.find((node) => best.has(node)) ?? children[0],
    ArrowUp: column[here - 1], ArrowDown: column[here + 1],
  }[key];
}
