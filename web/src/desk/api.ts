/**
 * Sends requests to the desk's HTTP API.
 *
 * Owns the CSRF token. Called by `desk.ts` and the tabs. Must not retry: `outbox.ts` repeats what must not get lost.
 */

import { isObject } from "../client/wire";
import { readHead, text, type Head, type JsonObject } from "./wire";

/** Maximum wait for an answer, in milliseconds. */
const TIMEOUT_MS = 20_000;

/** The server could not be reached, or is not ready: the same request can succeed later. */
export class Unreachable extends Error {}

/** The server has rejected a request. */
export class Rejected extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    /** The present head, if another operator was faster (409). */
    readonly head: Head | null,
    readonly answer: Record<string, unknown>,
  ) {
    super(message);
  }
}

type Fetch = typeof fetch;

/** Return the path of a conversation. Ids can contain any character, also slashes. */
export function conversationPath(sender_id: string, rest = ""): string {
  return `conversations/${encodeURIComponent(sender_id)}${rest}`;
}

export class Api {
  csrf = "";

  constructor(
    /** Address of the API with a slash at its end. */
    readonly base: string,
    private readonly fetcher: Fetch = (...request) => fetch(...request),
  ) {}

  /**
   * Get JSON.
   *
   * Throws `Unreachable` or `Rejected`.
   */
  get(path: string, query: Readonly<Record<string, string | number | null>> = {}): Promise<unknown> {
    const search = new URLSearchParams();
    for (const [key, value] of Object.entries(query))
      if (value !== null && value !== "") search.set(key, String(value));
    return this.send("GET", search.size === 0 ? path : `${path}?${search}`);
  }

  /** Send a change. Throws `Unreachable` or `Rejected`. */
  post(path: string, body: JsonObject = {}, method: "POST" | "PUT" | "DELETE" = "POST"): Promise<unknown> {
    return this.send(method, path, body);
  }

  private async send(method: string, path: string, body?: JsonObject): Promise<unknown> {
    const headers: Record<string, string> = { Accept: "application/json" };
    if (body !== undefined) {
      headers["Content-Type"] = "application/json";
      headers["X-CSRF-Token"] = this.csrf;
    }
    let answer: Response;
    try {
      answer = await this.fetcher(this.base + path, {
        method,
        headers,
        credentials: "same-origin",
        signal: AbortSignal.timeout(TIMEOUT_MS),
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
    } catch (error) {
      throw new Unreachable(String(error));
    }
    return this.read(answer);
  }

  private async read(answer: Response): Promise<unknown> {
    const { status } = answer;
    if (status >= 500 || status === 429 || status === 408) throw new Unreachable(`status ${status}`);
    let value: unknown;
    try {
      const isJson = /json/.test(answer.headers.get("content-type") ?? "");
      value = isJson ? await answer.json() : await answer.text();
    } catch (error) {
      if (answer.ok) throw new Unreachable(`the answer was cut off: ${String(error)}`);
    }
    if (answer.ok) return value;
    const found = isObject(value) ? value : {};
    const error = isObject(found["error"]) ? found["error"] : found;
    const code = text(error["code"]) || String(status);
    throw new Rejected(status, code, text(error["message"]) || code, readHead(found["head"]), found);
  }
}
