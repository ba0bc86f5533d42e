/**
 * The transport over separate HTTP requests, for networks in which Socket.IO cannot work.
 *
 * Works behind any proxy, with several servers and without WebSocket, because no request depends on an earlier one.
 * Speaks `POST /sessions/…` (protocol 1 only). Called by `transports.ts`.
 * Must not reconnect by itself.
 */

import type { Transport, TransportListener } from "./ports";
import { isAnswer, isObject, readError, readHandler, type JsonObject } from "./wire";

/** How long the server waits for new messages. Many proxies end a request without data after 30 s. */
const WAIT_S = 25;
/** Additional time for a request, after the wait of the server. */
const SLACK_MS = 15_000;

const EVENTS: Record<string, string> = { user: "user_uttered", agent: "agent_uttered" };

type Fetch = typeof fetch;

/** `url` is the server's URL without a trailing slash. */
export function httpTransport(url: string, fetcher: Fetch = (...request) => fetch(...request)): Transport {
  let listener: TransportListener | null = null;
  /** Aborts all requests of the current connection. */
  let connection = new AbortController();
  let following = new AbortController();
  let bearer: Record<string, string> = {};
  let session: JsonObject = {};
  /** What the page's last `session_request` accepts. */
  let accepted: JsonObject = {};

  async function post(request: string, body: JsonObject, timeout_ms: number): Promise<unknown> {
    const ending = new AbortController();
    const timer = setTimeout(() => ending.abort(), timeout_ms);
    const { signal } = connection;
    const end = (): void => ending.abort();
    signal.addEventListener("abort", end);
    try {
      // A body of type text/plain needs no preflight request from another origin.
      const answer = await fetcher(`${url}/sessions/${request}`, {
        method: "POST",
        body: JSON.stringify(body),
        headers: bearer,
        signal: ending.signal,
      });
      return await answer.json();
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
    }
  }

  /** Use the session of a response, and wait for the messages after it. */
  function joined(answer: Record<string, unknown>, request: JsonObject): void {
    following.abort();
    following = new AbortController();
    session = { session_id: String(answer["session_id"]) };
    const token = answer["session_token"] ?? request["session_token"];
    if (typeof token === "string") session["session_token"] = token;
    const cursor = { epoch: String(answer["epoch"]), seq: Number(answer["seq"]) };
    void follow(cursor, JSON.stringify(readHandler(answer)), following.signal);
  }

  async function follow(
    cursor: { epoch: string; seq: number },
    handling: string,
    signal: AbortSignal,
  ): Promise<void> {
    const own = connection;
    const isOver = (): boolean => signal.aborted || own.signal.aborted;
    let shown = handling;
    while (!isOver()) {
      let answer: unknown;
      try {
        const request = { ...session, ...accepted, cursor, wait_s: WAIT_S };
        answer = await post("events", request, WAIT_S * 1000 + SLACK_MS);
      } catch (error) {
        if (!isOver()) listener?.disconnected(String(error));
        return;
      }
      if (isOver()) return;
      const page = isObject(answer) ? answer : {};
      // The log was replaced, or too many messages were missed: join again, with the cursor of the client.
      if (readError(answer) !== null || page["gap"] === true || page["epoch"] !== cursor.epoch) {
        listener?.disconnected("the conversation has changed");
        return;
      }
      cursor = { ...cursor, seq: Number(page["seq"]) };
      for (const message of list(page["messages"]))
        listener?.received(EVENTS[String(message["role"])] ?? "bot_uttered", message);
      for (const error of list(page["errors"])) listener?.received("error", error);
      listener?.received("bot_typing", { on: page["typing"] === true });
      const present = JSON.stringify(readHandler(page));
      if (present !== shown) listener?.received("handler_changed", page);
      shown = present;
    }
  }

  return {
    listen(next) {
      listener = next;
    },
    open(auth) {
      connection.abort();
      connection = new AbortController();
      bearer = typeof auth["token"] === "string" ? { Authorization: `Bearer ${auth["token"]}` } : {};
      listener?.connected();
    },
    close: () => connection.abort(),
    emit() {
      throw new Error("a plain server cannot be reached over HTTP requests");
    },
    async request(event, payload, timeout_ms) {
      if (event === "token_refresh") bearer = { Authorization: `Bearer ${String(payload["token"])}` };
      const own = connection;
      if (event === "session_request")
        accepted = payload["accepts"] === undefined ? {} : { accepts: payload["accepts"] };
      const isJoined = payload["session_id"] === session["session_id"];
      const answer = await post(event, isJoined ? { ...session, ...payload } : payload, timeout_ms);
      if (own.signal.aborted) throw new Error("the connection has ended");
      if (!isAnswer(answer)) throw new Error("the server does not speak protocol 1 over HTTP");
      const isSession = event.startsWith("session_") && event !== "session_list";
      if (isSession && readError(answer) === null && isObject(answer)) joined(answer, payload);
      return answer;
    },
  };
}

function list(value: unknown): Record<string, unknown>[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
}
