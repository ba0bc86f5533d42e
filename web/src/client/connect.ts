/**
 * A client with everything that it needs from the world, in one call: for programs without a browser's storage.
 *
 * Called by those who write a chat of their own; `<manent-chat>` brings the browser's ports itself (`ui/browser.ts`).
 */

import { ConversationClient, type ClientOptions, type ClientPorts } from "./client";
import type { Chance, Clock, KeyValueStore, Network, Timer } from "./ports";
import { socketIoTransport, type SocketIoOptions } from "./socketio";

export const systemClock: Clock = {
  now: () => Date.now(),
  start: (ms, callback) => ({ timer: setTimeout(callback, ms) }),
  stop: (timer: Timer | null) => {
    if (timer !== null) clearTimeout(timer.timer as ReturnType<typeof setTimeout>);
  },
};

export const systemChance: Chance = {
  id(): string {
    // randomUUID exists in secure contexts only; a chat on http://intranet needs ids as well.
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  },
  random: () => Math.random(),
};

/** Remembers as long as the program runs. */
export function memoryStore(): KeyValueStore {
  const values = new Map<string, string>();
  return {
    persistent: false,
    get: (key) => values.get(key) ?? null,
    set: (key, value) => void values.set(key, value),
    remove: (key) => void values.delete(key),
    keys: (prefix) => [...values.keys()].filter((key) => key.startsWith(prefix)),
    watch: () => () => undefined,
  };
}

/** For systems that never say that they are offline: the connection tells. */
export const alwaysOnline: Network = { online: () => true, watch: () => () => undefined };

export interface ConnectOptions extends SocketIoOptions, Partial<ClientOptions> {
  /** What the system has of its own; the rest is as simple as can be. */
  ports?: Partial<ClientPorts>;
}

/** Make a client and start it. */
export function connect({ url, path, namespace, ports, ...options }: ConnectOptions): ConversationClient {
  const client = new ConversationClient(
    {
      transport: socketIoTransport({
        url,
        ...(path === undefined ? {} : { path }),
        ...(namespace === undefined ? {} : { namespace }),
      }),
      clock: systemClock,
      store: memoryStore(),
      network: alwaysOnline,
      chance: systemChance,
      ...ports,
    },
    { scope: "manent", ...options },
  );
  client.start();
  return client;
}
