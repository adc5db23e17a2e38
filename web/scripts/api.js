// The service, as this site sees it: on the same origin, below /api.

const API = "/api";

/** Call the service. Never throws: an answer without a status means that nobody answered. */
export async function call(method, path, { token, body, form, key, version } = {}) {
  const headers = {};
  if (token) headers.Authorization = `Bearer ${token}`;
  if (key) headers["Idempotency-Key"] = key;
  if (version) headers["If-Match"] = version;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  try {
    const answer = await fetch(API + path, {
      method,
      headers,
      body: form ?? (body === undefined ? undefined : JSON.stringify(body)),
      credentials: "omit",
      cache: "no-store",
      referrerPolicy: "no-referrer",
    });
    const isJson = /json/.test(answer.headers.get("content-type") ?? "");
    return {
      ok: answer.ok,
      status: answer.status,
      version: answer.headers.get("etag"),
      date: new Date(answer.headers.get("date") ?? Date.now()),
      body: isJson ? await answer.json() : await answer.blob(),
    };
  } catch {
    return { ok: false, status: 0, body: {} };
  }
}

/** Whether nobody knows if the request was carried out, so that it must be sent again as it was. */
export const isUncertain = (answer) => answer.status === 0 || answer.status >= 500;

/** Which problem it was: the last part of its type. */
export function problemOf(answer) {
  if (answer.status === 0) return "unreachable";
  return String(answer.body?.type ?? "").split("/").pop() || "internal";
}
