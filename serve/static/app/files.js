// Translation of a file, which is chosen or dropped, with progress and download.

import { authorization, readError } from "./api.js";
import { create, find, save } from "./dom.js";
import { describeError } from "./messages.js";
import { formatNumber, t } from "./strings.js";

const panel = find("file-panel");

/** Offer the translation of files. `read()` returns `{ source, target, glossary }`. */
export function prepareFiles({ formats, limit, read, onKey }) {
  const input = find("file");
  input.accept = formats.join(",");
  find("open-file").addEventListener("click", () => input.click());
  input.addEventListener("change", () => {
    if (input.files.length) start(input.files[0]);
    input.value = "";
  });
  prepareDrop((file) => start(file));

  function start(file) {
    const extension = /\.[^.]*$/.exec(file.name)?.[0].toLowerCase();
    if (!formats.includes(extension)) show(file.name, create("p", {}, t("fileFormat")));
    else if (file.size > limit) show(file.name, create("p", {}, t("fileTooLarge", { size: formatBytes(file.size), limit: formatBytes(limit) })));
    else translate(file, read());
  }

  function translate(file, { source, target, glossary }) {
    const form = new FormData();
    for (const [name, value] of Object.entries({ source, target, glossary: glossary && JSON.stringify(glossary) })) {
      if (value) form.append(name, value);
    }
    form.append("file", file);
    const request = new XMLHttpRequest(); // fetch does not report the progress of an upload
    const progress = create("progress", { "aria-label": file.name, max: "1", value: "0" });
    const state = create("p", { class: "muted", role: "status" }, t("uploading"));
    show(file.name, state, progress, create("button", { class: "button", onclick: () => request.abort() }, t("cancel")));
    request.upload.addEventListener("progress", ({ loaded, total }) => {
      progress.value = total ? loaded / total : 0;
    });
    request.upload.addEventListener("load", () => {
      progress.removeAttribute("value"); // how long translating takes is not known
      state.textContent = t("translatingFile");
    });
    request.addEventListener("abort", () => hide());
    request.addEventListener("error", () => show(file.name, create("p", {}, t("unreachable")), retryButton()));
    request.addEventListener("load", () => {
      if (request.status === 200) offer(file.name, target, JSON.parse(request.responseText).translatedFileUrl);
      else fail(readError(request.status, request.responseText, request.getResponseHeader("Retry-After")));
    });
    request.open("POST", "translate_file");
    for (const [name, value] of Object.entries(authorization())) request.setRequestHeader(name, value);
    request.send(form);

    const retryButton = () => create("button", { class: "button", onclick: () => translate(file, read()) }, t("retry"));

    function fail(error) {
      const key = error.status === 403 ? [create("button", { class: "button", onclick: onKey }, t("enterKey"))] : [];
      show(file.name, create("p", {}, describeError(error)), ...key, retryButton());
    }
  }
}

/** Offer a translated file for download under its own name, such as `letter.fr.txt`. */
function offer(name, target, address) {
  // The server is asked where the page is, whatever name a proxy gives to it.
  const path = `download_file/${encodeURIComponent(new URL(address, location.href).pathname.split("/").pop())}`;
  const translatedName = name.replace(/\.[^.]*$/, (extension) => `.${target}${extension}`);
  const download = async () => {
    const response = await fetch(path).catch(() => null);
    if (response?.ok) save(await response.blob(), translatedName);
    else show(name, create("p", {}, t("fileExpired")));
  };
  const button = create("button", { class: "button primary", onclick: download }, t("download", { name: translatedName }));
  show(name, create("p", { role: "status" }, t("fileDone")), button);
  button.focus();
}

function show(name, ...children) {
  const close = create("button", { class: "button quiet round", "aria-label": t("close"), title: t("close"), onclick: hide }, "×");
  panel.replaceChildren(create("strong", { class: "name" }, name), ...children, close);
  panel.hidden = false;
}

function hide() {
  panel.hidden = true;
  panel.replaceChildren();
}

function prepareDrop(onFile) {
  const panes = find("panes");
  const isFile = (event) => event.dataTransfer.types.includes("Files");
  addEventListener("dragover", (event) => {
    if (!isFile(event)) return;
    event.preventDefault();
    panes.classList.add("dropping");
  });
  addEventListener("dragleave", (event) => {
    if (event.relatedTarget === null) panes.classList.remove("dropping");
  });
  addEventListener("drop", (event) => {
    if (!isFile(event)) return;
    event.preventDefault();
    panes.classList.remove("dropping");
    onFile(event.dataTransfer.files[0]);
  });
}

const formatBytes = (bytes) =>
  bytes < 1_000_000
    ? formatNumber(Math.ceil(bytes / 1000), { style: "unit", unit: "kilobyte" })
    : formatNumber(bytes / 1_000_000, { style: "unit", unit: "megabyte", maximumFractionDigits: 1 });
