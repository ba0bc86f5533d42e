/**
 * What the client needs from the world: a wire, a clock, a store, a network. All come in as parameters, so that a
 * whole outage is tested without a socket and without sleeping.
 */

import type { JsonObject } from "./wire";

/** What a transport tells its only listener. */
export interface TransportListener {
  connected(): void;
  /** The connection ended, or could not be made; `refused` carries the server's words when it said no. */
  disconnected(reason: string, refused?: { code: string; message: string }): void;
  received(event: string, payload: unknown): void;
}

/** One two-way connection that can be opened again after it has been closed. It never reconnects by itself. */
export interface Transport {
  listen(listener: TransportListener): void;
  open(auth: JsonObject): void;
  close(): void;
  /** Send and expect nothing. */
  emit(event: string, payload: JsonObject): void;
  /** Send and resolve with the acknowledgement; rejects when the connection ends or after `timeout_ms`. */
  request(event: string, payload: JsonObject, timeout_ms: number): Promise<unknown>;
}

export type Timer = { readonly timer: unknown };

export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  start(ms: number, callback: () => void): Timer;
  stop(timer: Timer | null): void;
}

/** Strings by key, shared by the tabs of one origin. */
export interface KeyValueStore {
  /** False when the browser blocks storage: values then live as long as the page. */
  readonly persistent: boolean;
  get(key: string): string | null;
  set(key: string, value: string): void;
  remove(key: string): void;
  keys(prefix: string): string[];
  /** Told of changes made by other tabs only; returns a function that ends it. */
  watch(changed: (key: string) => void): () => void;
}

export interface Network {
  /** False when the device knows that it has no network. */
  online(): boolean;
  /** Told when the network comes or goes and when the page wakes up; returns a function that ends it. */
  watch(changed: (happened: "online" | "offline" | "wake") => void): () => void;
}

/** Makes identifiers and chance. */
export interface Chance {
  id(): string;
  /** In [0, 1). */
  random(): number;
}
