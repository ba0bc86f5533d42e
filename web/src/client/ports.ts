/**
 * The interfaces that the client needs from its runtime: transport, clock, store, network, random numbers.
 *
 * Holds types only. Implemented by `socketio.ts`, `connect.ts`, `ui/browser.ts` and the tests, which simulate an outage
 * without a socket and without sleeping.
 */

import type { JsonObject } from "./wire";

/** Receives the events of a transport. */
export interface TransportListener {
  /** `isWebSocket` is true if nothing between the browser and the server is in the way. */
  connected(isWebSocket?: boolean): void;
  /** The connection ended or could not be opened; `refused` is set when the server rejected it. */
  disconnected(reason: string, refused?: { code: string; message: string }): void;
  received(event: string, payload: unknown): void;
}

/** A two-way connection that can be opened again after closing. It never reconnects by itself. */
export interface Transport {
  listen(listener: TransportListener): void;
  open(auth: JsonObject): void;
  close(): void;
  /** Send without expecting an acknowledgement. */
  emit(event: string, payload: JsonObject): void;
  /** Send and resolve with the acknowledgement. Rejects when the connection ends or after `timeout_ms`. */
  request(event: string, payload: JsonObject, timeout_ms: number): Promise<unknown>;
}

export type Timer = { readonly timer: unknown };

export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  start(ms: number, callback: () => void): Timer;
  stop(timer: Timer | null): void;
}

/** Strings by key, shared by all tabs of one origin. */
export interface KeyValueStore {
  /** False when the browser blocks storage: values are then lost with the page. */
  readonly persistent: boolean;
  get(key: string): string | null;
  set(key: string, value: string): void;
  remove(key: string): void;
  keys(prefix: string): string[];
  /** Call `changed` when another tab changes a key; returns a function that stops watching. */
  watch(changed: (key: string) => void): () => void;
}

export interface Network {
  /** Return false when the device has no network. */
  online(): boolean;
  /** Call `changed` on network changes and when the page wakes up; returns a function that stops watching. */
  watch(changed: (change: "online" | "offline" | "wake") => void): () => void;
}

/** Random values. */
export interface Chance {
  /** Return a new unique id. */
  id(): string;
  /** Return a number in [0, 1). */
  random(): number;
}
