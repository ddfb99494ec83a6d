// What the browser remembers: languages, theme, glossaries and, if the user agrees, the API key.

const NAME = "carousel";
let values = read();

function read() {
  try {
    const stored = JSON.parse(localStorage.getItem(NAME) ?? "{}");
    return stored !== null && typeof stored === "object" ? stored : {};
  } catch {
    return {}; // storage is turned off, or holds something else
  }
}

export const recall = (name) => values[name];

export function remember(name, value) {
  values = { ...read(), [name]: value }; // another tab may have changed other values
  try {
    localStorage.setItem(NAME, JSON.stringify(values));
  } catch {
    // The value lasts as long as the page.
  }
}
