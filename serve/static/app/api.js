// Requests to the service. Addresses are relative, so that the service can run under any path.

import { recall, remember } from "./storage.js";

/** An error response of the API, or a failed connection (status 0). */
export class ApiError extends Error {
  constructor(status, message, retryAfter = null) {
    super(message);
    this.status = status;
    this.retryAfter = retryAfter; // seconds
  }
}

let sessionKey = null; // not stored

export function setKey(key, keep) {
  sessionKey = key;
  remember("key", keep ? key : undefined);
}

export const currentKey = () => sessionKey ?? recall("key") ?? "";

export function authorization() {
  // A header holds Latin-1 only; other characters cannot be part of a key.
  const key = currentKey().replace(/[^\x21-\x7e]/g, "");
  return key ? { Authorization: `Bearer ${key}` } : {};
}

async function request(path, { body, signal } = {}) {
  const headers = authorization();
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let response;
  try {
    const method = body === undefined ? "GET" : "POST";
    response = await fetch(path, { method, headers, body: body && JSON.stringify(body), signal, credentials: "same-origin" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(0, "");
  }
  if (!response.ok) throw readError(response.status, await response.text().catch(() => ""), response.headers.get("Retry-After"));
  return response;
}

/** Return the error that a response describes; its body should be `{"error": "…"}`, but a proxy may send anything. */
export function readError(status, body, retryAfter) {
  let message = "";
  try {
    message = String(JSON.parse(body).error ?? "");
  } catch {
    // no JSON
  }
  const seconds = Number.parseInt(retryAfter, 10);
  return new ApiError(status, message, Number.isFinite(seconds) ? Math.max(seconds, 1) : null);
}

export const getJson = async (path) => (await request(path)).json();
export const postJson = async (path, body, signal) => (await request(path, { body, signal })).json();

/** Yield the objects of a stream of server-sent events; throw the error that an event reports. */
export async function* stream(path, body, signal) {
  const response = await request(path, { body, signal });
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let buffer = "";
  for (;;) {
    const { value, done } = await reader.read().catch((error) => {
      throw error.name === "AbortError" ? error : new ApiError(0, "");
    });
    if (done) throw new ApiError(0, ""); // the connection ended before the event that ends the stream
    buffer += value;
    const events = buffer.split("\n\n");
    buffer = events.pop();
    for (const event of events) {
      const name = /^event: (.*)$/m.exec(event)?.[1];
      const data = JSON.parse(/^data: (.*)$/m.exec(event)[1]);
      if (name === "done") {
        drain(reader);
        return;
      }
      if (name === "error") throw new ApiError(500, data.error);
      yield data;
    }
  }
}

/** Read the rest of a response, so that its connection can be used again. */
async function drain(reader) {
  try {
    while (!(await reader.read()).done);
  } catch {
    // The connection is lost, but everything has arrived.
  }
}
