// Tables, bars and the line of the operators' page.

import { create } from "../app/dom.js";

/** A named number with a note and, if `share` is given, a meter. */
export function tile(name, value, note = "", share = null) {
  const box = create("div", {}, create("dt", {}, name), create("dd", {}, value, ...(note ? [create("br"), create("small", {}, note)] : [])));
  if (share !== null) {
    const fill = create("i");
    fill.style.width = `${Math.min(100 * share, 100)}%`;
    box.lastChild.append(create("span", { class: "meter", "aria-hidden": "true" }, fill));
  }
  return box;
}

/** Replace the content of a table; the first cell of each row is its header. */
export function fillTable(table, names, rows) {
  const head = create("thead", {}, create("tr", {}, ...names.map((name) => create("th", { scope: "col" }, name))));
  const body = create("tbody", {}, ...rows.map(([name, ...cells]) =>
    create("tr", {}, create("th", { scope: "row" }, name), ...cells.map((cell) => create("td", {}, typeof cell === "number" ? `${cell}` : cell)))));
  table.replaceChildren(head, body);
}

/** Show a histogram as a table with bars, without empty buckets at both ends. */
export function showHistogram(table, name, buckets, format) {
  const used = buckets.map(({ count }) => count > 0), first = used.indexOf(true), last = used.lastIndexOf(true);
  const most = Math.max(...buckets.map(({ count }) => count));
  const rows = buckets.slice(Math.max(first, 0), last + 1).map(({ bound, count }) => {
    const bar = create("span", { class: "bar" });
    bar.style.width = `${(100 * count) / most}%`;
    return [bound === null ? "more" : `up to ${format(bound)}`, bar, count.toLocaleString("en")];
  });
  fillTable(table, [name, "Share", "Count"], rows.length ? rows : [["none yet", "", "0"]]);
}

const SVG = "http://www.w3.org/2000/svg";

/** Draw rates over time; `capacity` points fill the width, the latest at the right. */
export function drawThroughput(box, rates, capacity) {
  const most = Math.max(...rates, 1), picture = document.createElementNS(SVG, "svg"), path = document.createElementNS(SVG, "path");
  const x = (n) => (100 * (n + capacity - rates.length)) / (capacity - 1), points = rates.map((rate, n) => `${x(n)} ${40 - (38 * rate) / most}`);
  if (points.length > 1) path.setAttribute("d", `M${x(0)} 40L${points.join("L")}L100 40Z`);
  for (const [name, value] of Object.entries({ viewBox: "0 0 100 40", preserveAspectRatio: "none", role: "img", "aria-label": `Highest: ${Math.round(most)} tokens per second` })) {
    picture.setAttribute(name, value);
  }
  picture.append(path);
  box.replaceChildren(picture);
}
