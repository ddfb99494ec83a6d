// Access to the elements of the page. Text always becomes a text node, never markup.

export const find = (id) => document.getElementById(id);

/** Create an element with attributes and children, which are elements or strings. An attribute of `false` is left out. */
export function create(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children);
  return element;
}

/** Let the browser save a text or blob as a file. */
export function save(content, name) {
  const address = URL.createObjectURL(new Blob([content]));
  const link = create("a", { href: address, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
