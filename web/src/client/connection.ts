/**
 * The connection to the server: opens it, retries with growing pauses, and sends requests over it.
 *
 * Owns the transport, the phase and the retry timer. Called by the client and its dialects. Must not know what a
 * conversation is. A new connection calls `ConnectionListener.connected`, in which the client joins the conversation.
 */

import { pauseAfter } from "./backoff";
import type { ClientEvent, Notice } from "./events";
import type { Chance, Clock, Network, Timer, Transport } from "./ports";
import { readError, type JsonObject, type Requests, type WireError } from "./wire";

/**
 * Pause after the server has rejected a token twice, and maximum wait for a token.
 *
 * `reconnect`, which the page calls with a new token, does not wait.
 */
export const REJECTED_TOKEN_PAUSE_MS = 60_000;
/** A request without a response is sent again after this time. All requests are safe to repeat. */
export const ANSWER_TIMEOUT_MS = 15_000;

export type Phase = "closed" | "waiting" | "connecting" | "joining" | "ready";

/** The server rejected a request. */
export class RequestRefused extends Error {
  constructor(readonly error: WireError) {
    super(error.message);
  }
}

export interface ConnectionListener {
  connected(): void;
  /** The connection ended. The connection calls this before it reports the status. */
  lost(): void;
  received(event: string, payload: unknown): void;
  /** The page woke up or the network returned while the connection seemed to work. The connection can be dead. */
  woke(): void;
}

export interface ConnectionPorts {
  transport: Transport;
  clock: Clock;
  network: Network;
  chance: Chance;
}

export class Connection {
  phase: Phase = "closed";
  /** Number that increases whenever responses to earlier requests become outdated. */
  attempt = 0;
  private failures = 0;
  /** Number of calls of `openTransport`. */
  private openings = 0;
  private retryTimer: Timer | null = null;

  constructor(
    private readonly ports: ConnectionPorts,
    private readonly listener: ConnectionListener,
    private readonly token: () => Promise<unknown>,
    private readonly report: (event: ClientEvent) => void,
  ) {
    ports.transport.listen({
      connected: () => listener.connected(),
      disconnected: (_reason, refused) => this.lost(refused),
      received: (event, payload) => listener.received(event, payload),
    });
  }

  open(): void {
    this.ports.clock.stop(this.retryTimer);
    this.retryTimer = null;
    if (!this.ports.network.online()) {
      this.phase = "waiting";
      this.report({ type: "connection", status: "offline" });
      return;
    }
    this.phase = "connecting";
    this.report({ type: "connection", status: "connecting" });
    // The page's callback may never resolve, for example after a request that was cut off: call it again.
    this.retryTimer = this.ports.clock.start(REJECTED_TOKEN_PAUSE_MS, () => this.open());
    void this.openTransport();
  }

  close(): void {
    this.phase = "closed";
    this.ports.clock.stop(this.retryTimer);
    this.ports.transport.close();
  }

  /** Drop the connection and open a new one immediately. */
  reconnect(): void {
    if (this.phase === "closed") return;
    this.ports.transport.close();
    this.open();
  }

  /** Drop the connection and open a new one after a pause (`wait_s` seconds, if the server has sent this key). */
  retry(refused?: Notice, wait_s?: number): void {
    this.ports.transport.close();
    this.lost(refused, wait_s);
  }

  /** The client has joined a conversation over this connection. */
  ready(): void {
    this.phase = "ready";
    this.failures = 0;
  }

  /** Handle a change of the network or of the page's visibility. */
  networkChanged(change: "online" | "offline" | "wake"): void {
    if (this.phase === "closed") return;
    if (change === "offline") {
      this.retry();
      this.ports.clock.stop(this.retryTimer); // "online" opens the next connection
    } else if (this.phase === "waiting") {
      this.failures = 0;
      this.open();
    } else if (this.phase === "ready") {
      this.listener.woke();
    }
  }

  /** Send an event that the server does not acknowledge. */
  emit(event: string, payload: JsonObject): void {
    this.ports.transport.emit(event, payload);
  }

  /** Send a request and resolve with the raw response. Rejects when the connection ends or after `timeout_ms`. */
  request<Name extends keyof Requests>(
    name: Name,
    payload: Requests[Name]["payload"],
    timeout_ms = ANSWER_TIMEOUT_MS,
  ): Promise<unknown> {
    return this.ports.transport.request(name, payload as unknown as JsonObject, timeout_ms);
  }

  /** Send a request and resolve with the response. Throws `RequestRefused` if the response is an error. */
  async ask<Name extends keyof Requests>(name: Name, payload: Requests[Name]["payload"]): Promise<unknown> {
    const answer = await this.request(name, payload);
    const error = readError(answer);
    if (error !== null) throw new RequestRefused(error);
    return answer;
  }

  private async openTransport(): Promise<void> {
    const auth: JsonObject = {};
    const opening = (this.openings += 1);
    try {
      const token = await this.token();
      if (typeof token === "string") auth["token"] = token;
    } catch (error) {
      if (opening !== this.openings) return;
      this.lost({ code: "token_unavailable", message: String(error) });
      return;
    }
    // A later call may have another token, for example after a sign-out.
    if (this.phase !== "connecting" || opening !== this.openings) return;
    this.ports.clock.stop(this.retryTimer);
    this.ports.transport.open(auth);
  }

  private lost(refused?: Notice, wait_s?: number): void {
    if (this.phase === "closed") return;
    this.phase = "waiting";
    this.attempt += 1;
    this.listener.lost();
    // The server rejects such a token again, so wait until the page provides another one.
    const isHopeless = refused?.code.startsWith("jwt_") === true && this.failures > 0;
    const pause =
      wait_s !== undefined
        ? wait_s * 1000
        : isHopeless
          ? REJECTED_TOKEN_PAUSE_MS
          : pauseAfter(this.failures, this.ports.chance.random());
    this.failures += 1;
    this.report({
      type: "connection",
      status: refused ? "refused" : "offline",
      retry_in_ms: pause,
      ...(refused ? { error: refused } : {}),
    });
    this.ports.clock.stop(this.retryTimer);
    this.retryTimer = this.ports.clock.start(pause, () => this.open());
  }
}
