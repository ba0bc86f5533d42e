/**
 * The interfaces that the client needs from its runtime: transport, clock, store, network, random numbers.
 *
 * Holds types only. Implemented by `socketio.ts`, `connect.ts`, `ui/browser.ts` and the tests, which simulate an outage
 * without a socket and without sleeping.
 */

import type { JsonObject } from "./wire";

/** Receives the events of a transport. */
export interface TransportListener {
  /** `isWebSocket` is true if no proxy between the browser and the server blocks WebSockets. */
  connected(isWebSocket?: boolean): void;
  /** The connection ended or could not be opened. `refused` is set if the server rejected it. */
  disconnected(reason: string, refused?: { code: string; message: string }): void;
  received(event: string, payload: unknown): void;
}

/** A two-way connection that can be opened again after closing. It never reconnects automatically. */
export interface Transport {
  listen(listener: TransportListener): void;
  open(auth: JsonObject): void;
  close(): void;
  /** Send an event without expecting an acknowledgement. */
  emit(event: string, payload: JsonObject): void;
  /** Send an event and resolve with the acknowledgement. Rejects when the connection ends or after `timeout_ms`. */
  request(event: string, payload: JsonObject, timeout_ms: number): Promise<unknown>;
}

export type Timer = { readonly timer: unknown };

export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  start(ms: number, callback: () => void): Timer;
  stop(timer: Timer | null): void;
}

/** A store of strings by key, which all tabs of an origin share. */
export interface KeyValueStore {
  /** False if the browser blocks storage. Values are then lost when the page closes. */
  readonly persistent: boolean;
  get(key: string): string | null;
  set(key: string, value: string): void;
  remove(key: string): void;
  keys(prefix: string): string[];
  /** Call `changed` when another tab changes a key. Returns a function that stops watching. */
  watch(changed: (key: string) => void): () => void;
}

export interface Network {
  /** Return false when the device has no network. */
  online(): boolean;
  /** Call `changed` on network changes and when the page wakes up. Returns a function that stops watching. */
  watch(changed: (change: "online" | "offline" | "wake") => void): () => void;
}

/** Random values. */
export interface Chance {
  /** Return a new unique id. */
  id(): string;
  /** Return a number in [0, 1). */
  random(): number;
}
