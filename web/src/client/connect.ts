/**
 * Creates a client with default ports in one call.
 *
 * Owns the ports that work in every runtime. Called by programs that use `@manent/client`; `<manent-chat>` provides the
 * browser's own storage and network (`ui/browser.ts`). Must not use the DOM.
 */

import { ConversationClient, type ClientOptions, type ClientPorts } from "./client";
import type { Chance, Clock, KeyValueStore, Network, Timer } from "./ports";
import type { SocketIoOptions } from "./socketio";
import { bestTransport } from "./transports";
import { httpUploader } from "./upload";

export const systemClock: Clock = {
  now: () => Date.now(),
  start: (ms, callback) => ({ timer: setTimeout(callback, ms) }),
  stop: (timer: Timer | null) => {
    if (timer !== null) clearTimeout(timer.timer as ReturnType<typeof setTimeout>);
  },
};

export const systemChance: Chance = {
  id(): string {
    // crypto.randomUUID requires a secure context, which a chat on http://intranet does not have.
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  },
  random: () => Math.random(),
};

/** A store in memory, whose values are lost when the program ends. */
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

/** For runtimes without network events, in which only the transport notices a lost connection. */
export const alwaysOnline: Network = { online: () => true, watch: () => () => undefined };

export interface ConnectOptions extends SocketIoOptions, Partial<ClientOptions> {
  /** Ports that replace the defaults, such as a persistent store. */
  ports?: Partial<ClientPorts>;
}

/** Create a client and start it. */
export function connect({ url, path, namespace, ports, ...options }: ConnectOptions): ConversationClient {
  const client = new ConversationClient(
    {
      transport: bestTransport({
        url,
        ...(path === undefined ? {} : { path }),
        ...(namespace === undefined ? {} : { namespace }),
      }),
      clock: systemClock,
      store: memoryStore(),
      network: alwaysOnline,
      chance: systemChance,
      uploader: httpUploader(url.replace(/\/+$/, "")),
      ...ports,
    },
    { scope: "manent", ...options },
  );
  client.start();
  return client;
}
