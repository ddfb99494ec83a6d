// The dialog for the API key.

import { currentKey, setKey } from "./api.js";
import { find } from "./dom.js";
import { recall } from "./storage.js";

const dialog = find("key-dialog"), field = find("api-key"), keep = find("keep-key");

export function openKeyDialog() {
  field.value = currentKey();
  keep.checked = Boolean(recall("key"));
  dialog.showModal();
}

/** Let the user enter an API key; `onSave` is called after it has changed. */
export function prepareKeyDialog({ needed, onSave }) {
  find("open-key").hidden = !needed;
  find("open-key").addEventListener("click", openKeyDialog);
  find("key-cancel").addEventListener("click", () => dialog.close());
  find("key-form").addEventListener("submit", (event) => {
    event.preventDefault(); // nothing is sent to another page
    setKey(field.value.trim(), keep.checked);
    dialog.close();
    onSave();
  });
}
