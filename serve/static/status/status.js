// The operators' page: it asks for the state every two seconds while it is visible.

import { currentKey, getJson, postJson, setKey } from "../app/api.js";
import { create, find } from "../app/dom.js";
import { drawThroughput, fillTable, showHistogram, tile } from "./charts.js";

const INTERVAL = 2000; // milliseconds
const HISTORY = 60; // points of the throughput, two minutes
const STATES = { loading: "Loading models", ready: "Ready", draining: "Draining: refuses requests" };

const history = []; // target tokens per second
let previous = null, timer = 0;

const integer = (number) => Math.round(number).toLocaleString("en");
const decimal = (number) => number.toLocaleString("en", { maximumFractionDigits: 1 });

/** Ask for the state, show it, and ask again later. */
async function update() {
  clearTimeout(timer);
  try {
    show(await getJson("status"));
    report("");
  } catch (error) {
    if (error.status === 403) {
      askForKey(currentKey() ? error.message : "");
      return;
    }
    showState("lost", "No connection");
    report(error.status ? `The server answered with an error: ${error.message}` : "The server cannot be reached. The page tries again.");
  }
  if (!document.hidden) timer = setTimeout(update, INTERVAL);
}

function askForKey(problem) {
  find("key-form").hidden = false;
  find("content").hidden = true;
  for (const button of [find("reload"), find("drain")]) button.disabled = true;
  showState("", "");
  report(problem);
  find("key").focus();
}

function report(problem) {
  find("message").textContent = problem;
  find("message").hidden = !problem;
}

function showState(state, text) {
  const line = find("state");
  if (line.textContent !== text) line.textContent = text; // a screen reader hears changes only
  line.dataset.state = state;
}

function show(status) {
  find("key-form").hidden = true;
  find("content").hidden = false;
  showState(status.state, status.reloading ? `${STATES[status.state]}; reloading models` : STATES[status.state]);
  find("reload").disabled = status.state !== "ready" || status.reloading;
  find("drain").disabled = status.state === "draining";
  showNow(status, measure(status));
  showModels(status.models);
  showHistogram(find("latency"), "Time", status.latency, (bound) => (bound < 1 ? `${decimal(1000 * bound)} ms` : `${bound} s`));
  showHistogram(find("occupancy"), "Slots in use", status.batch_occupancy, (bound) => `${Math.round(100 * bound)}%`);
  showWorkers(status);
  showTotals(status);
}

/** Return the rates since the previous answer; they are null after the first one and after a restart. */
function measure(status) {
  const now = performance.now(), seconds = previous && (now - previous.time) / 1000;
  const isLater = previous && status.uptime_seconds >= previous.status.uptime_seconds && seconds > 0;
  const rate = (name) => (isLater ? (status[name] - previous.status[name]) / seconds : null);
  const rates = { tokens: rate("target_tokens"), sentences: rate("sentences") };
  previous = { status, time: now };
  if (rates.tokens !== null) history.push(rates.tokens);
  if (history.length > HISTORY) history.shift();
  return rates;
}

function showNow(status, rates) {
  const looked = status.cache_hits + status.cache_misses, hits = looked ? `${Math.round((100 * status.cache_hits) / looked)}%` : "–";
  find("tiles").replaceChildren(
    tile("Tokens per second", rates.tokens === null ? "–" : integer(rates.tokens), rates.sentences === null ? "" : `${decimal(rates.sentences)} sentences per second`),
    tile("Sentences being decoded", integer(status.slots_in_use), `of ${integer(status.slots)} slots`, status.slots_in_use / status.slots),
    tile("Sentences waiting", integer(status.waiting_sentences), `of at most ${integer(status.queue_limit)}`, status.waiting_sentences / status.queue_limit),
    tile("Requests in progress", integer(status.active_requests)),
    tile("Cache hits", hits, `${integer(status.cached_sentences)} of ${integer(status.cache_limit)} sentences`, status.cache_limit ? status.cached_sentences / status.cache_limit : null),
    tile("Running for", duration(status.uptime_seconds)),
  );
  drawThroughput(find("throughput"), history, HISTORY);
}

function duration(seconds) {
  const units = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];
  const found = units.findIndex(([, size]) => seconds >= size), first = found === -1 ? 3 : found, parts = [];
  for (const [name, size] of units.slice(first, first + 2)) {
    parts.push(`${Math.floor(seconds / size)} ${name}`);
    seconds %= size;
  }
  return parts.join(" ");
}

function showModels(models) {
  const rows = models.map(({ name, directions, loaded, checksum, beam_size: beam }) => [
    name, directions.map((pair) => pair.join(" → ")).join(", "), loaded ? "loaded" : "at first request", beam ?? "–", checksum?.slice(0, 12) ?? "–",
  ]);
  fillTable(find("models"), ["Directory", "Directions", "State", "Beam", "Checksum"], rows);
}

function showWorkers({ workers, slots }) {
  const capacity = slots / workers.length || 1;
  const rows = workers.map(({ alive, sentences }, n) => {
    const bar = create("span", { class: "bar" });
    bar.style.width = `${Math.min((100 * sentences) / capacity, 100)}%`;
    return [`Worker ${n + 1}`, bar, alive ? integer(sentences) : "stopped"];
  });
  fillTable(find("workers"), ["Worker", "Share", "Sentences"], rows);
}

function showTotals(status) {
  const counted = (values, label) => Object.entries(values).filter(([, count]) => count).map(([name, count]) => [`${label} ${name}`, integer(count)]);
  const rows = [
    ["Sentences", integer(status.sentences)], ["Source tokens", integer(status.source_tokens)], ["Target tokens", integer(status.target_tokens)],
    ...counted(status.requests, "Requests with status"), ...counted(status.rejected, "Rejected:"), ...counted(status.reloads, "Reloads:"),
    ...(status.reload_error ? [["Last reload failed", status.reload_error]] : []),
  ];
  fillTable(find("totals"), ["What", "Count"], rows);
}

/** Carry out an action if the operator confirms it. */
async function confirmAction({ title, text, yes, path }) {
  find("confirm-title").textContent = title;
  find("confirm-text").textContent = text;
  find("confirm-yes").textContent = yes;
  const dialog = find("confirm");
  dialog.returnValue = "";
  dialog.showModal();
  await new Promise((resolve) => dialog.addEventListener("close", resolve, { once: true }));
  if (dialog.returnValue !== "yes") return;
  try {
    await postJson(path, {});
    await update();
  } catch (error) {
    report(error.message || "The server cannot be reached.");
  }
}

find("reload").addEventListener("click", () => confirmAction({
  title: "Reload the models?", yes: "Reload", path: "status/reload",
  text: "The models are loaded again from their directories. No request is lost; while both versions are loaded, twice the memory is needed.",
}));
find("drain").addEventListener("click", () => confirmAction({
  title: "Drain the server?", yes: "Drain", path: "status/drain",
  text: "The server refuses further requests and finishes those in progress. Only a restart of the server ends this.",
}));
find("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  setKey(find("key").value.trim(), find("keep").checked);
  find("key").value = "";
  update();
});
document.addEventListener("visibilitychange", () => {
  if (!document.hidden && find("key-form").hidden) update();
});
update();
