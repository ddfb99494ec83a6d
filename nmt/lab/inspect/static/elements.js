// Creation of elements, and drawing on canvases. Nothing here parses HTML.

/** Create an element; properties whose names have a hyphen become attributes, and missing children are left out. */
export function element(tag, properties = {}, ...children) {
  return fill(document.createElement(tag), properties, children);
}

/** Create an SVG element. */
export function svg(tag, attributes = {}, ...children) {
  const made = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

function fill(made, properties, children) {
  for (const [name, value] of Object.entries(properties)) {
    if (name.includes('-') || name === 'role') made.setAttribute(name, value);
    else made[name] = value;
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

/** Create a labelled list of choices, whose values are their positions. */
export function choice(label, id, names) {
  const list = element('select', { id }, ...names.map((name, n) => new Option(name, n)));
  return element('label', {}, `${label} `, list);
}

/** Colours of the page as [red, green, blue]: background, largest positive and largest negative value. */
export function readColours(root) {
  const probe = root.appendChild(element('span', { hidden: true }));
  const parse = (name) => {
    probe.style.color = `var(${name})`;
    return getComputedStyle(probe).color.match(/[\d.]+/g).slice(0, 3).map(Number);
  };
  const colours = { paper: parse('--paper'), positive: parse('--positive'), negative: parse('--negative') };
  probe.remove();
  return colours;
}

/** Colour of a value from -1 (red) over 0 (background) to 1 (blue). */
export function blend(colours, share) {
  const end = share < 0 ? colours.negative : colours.positive, part = Math.min(Math.abs(share), 1);
  return colours.paper.map((from, n) => Math.round(from + (end[n] - from) * part));
}

/** Paint a pixel for each value; `share` returns that of a pixel, from -1 to 1. */
export function paint(canvas, columns, rows, colours, share) {
  canvas.width = columns;
  canvas.height = rows;
  const context = canvas.getContext('2d'), image = context.createImageData(columns, rows);
  const shades = Array.from({ length: 511 }, (_, n) => [...blend(colours, n / 255 - 1), 255]);
  const palette = new Uint32Array(Uint8Array.from(shades.flat()).buffer), pixels = new Uint32Array(image.data.buffer);
  for (let n = 0; n < columns * rows; n++) pixels[n] = palette[255 + Math.round(255 * share(n))];
  context.putImageData(image, 0, 0);
}

/** Column and row of the pixel under the pointer. */
export function pixelAt(canvas, columns, rows, event) {
  const box = canvas.getBoundingClientRect();
  const at = (share, count) => Math.min(Math.max(Math.floor(share * count), 0), count - 1);
  return [at((event.clientX - box.left) / box.width, columns), at((event.clientY - box.top) / box.height, rows)];
}

/** Movement [right, down] of an arrow key, or null for other keys. */
export function arrowMovement(event) {
  const moves = { ArrowDown: [0, 1], ArrowUp: [0, -1], ArrowRight: [1, 0], ArrowLeft: [-1, 0] };
  return event.altKey || event.ctrlKey || event.metaKey ? null : moves[event.key] ?? null;
}

const MARKS = { '▁': '␣', ' ': '␣', '\t': '⇥', '\n': '↵' };

/** Text of a piece: its word boundary becomes a space, and whitespace a visible symbol. */
export function displayPiece(piece) { return piece.replaceAll('▁', ' ').trim() || MARKS[piece[0]] || piece; }

/** A number with a minus sign and two decimals, or one from 10 on. */
export function signed(value) { return (value < 0 ? '−' : '') + Math.abs(value).toFixed(Math.abs(value) < 10 ? 2 : 1); }
