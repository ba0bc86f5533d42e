/** A world for the client: a clock that is moved by hand, tabs that share a store, a server in memory. */

import { ConversationClient, type ClientOptions } from "../../src/client/client";
import type { ClientEvent } from "../../src/client/events";
import type {
  Clock,
  KeyValueStore,
  Network,
  Timer,
  Transport,
  TransportListener,
} from "../../src/client/ports";
import type { JsonObject, Message } from "../../src/client/wire";
import { EMPTY, reduce, type ChatState } from "../../src/state/state";

/** Let promises that are already resolved run their continuations. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 30; i += 1) await Promise.resolve();
}

export class FakeClock implements Clock {
  private time = 1_700_000_000_000;
  private timers = new Map<number, { at: number; callback: () => void }>();
  private made = 0;

  now(): number {
    return this.time;
  }

  start(ms: number, callback: () => void): Timer {
    this.made += 1;
    this.timers.set(this.made, { at: this.time + ms, callback });
    return { timer: this.made };
  }

  stop(timer: Timer | null): void {
    if (timer !== null) this.timers.delete(timer.timer as number);
  }

  /** Let time pass, running what falls due, in order. */
  async elapse(ms: number): Promise<void> {
    await settle();
    const until = this.time + ms;
    for (;;) {
      const due = [...this.timers]
        .filter(([, timer]) => timer.at <= until)
        .sort((a, b) => a[1].at - b[1].at)[0];
      if (due === undefined) break;
      this.timers.delete(due[0]);
      this.time = Math.max(this.time, due[1].at);
      due[1].callback();
      await settle();
    }
    this.time = until;
    await settle();
  }
}

/** One browser's storage; each tab has its own view of it and hears of the others' changes. */
export class SharedStorage {
  readonly values = new Map<string, string>();
  private readonly tabs: { changed: ((key: string) => void) | null }[] = [];

  tab(): KeyValueStore {
    const own: { changed: ((key: string) => void) | null } = { changed: null };
    this.tabs.push(own);
    const told = (key: string): void => {
      for (const tab of this.tabs) if (tab !== own) tab.changed?.(key);
    };
    return {
      persistent: true,
      get: (key) => this.values.get(key) ?? null,
      set: (key, value) => {
        this.values.set(key, value);
        told(key);
      },
      remove: (key) => {
        if (this.values.delete(key)) told(key);
      },
      keys: (prefix) => [...this.values.keys()].filter((key) => key.startsWith(prefix)),
      watch: (changed) => {
        own.changed = changed;
        return () => (own.changed = null);
      },
    };
  }
}

type Handler = (payload: JsonObject, socket: FakeSocket) => unknown;

/** What the server holds of one conversation. */
export interface FakeLog {
  epoch: string;
  messages: Message[];
  version: number;
  ids: Map<string, number>;
}

const SILENCE = Symbol("no answer");
export const silence = SILENCE as unknown;

/** Speaks protocol 1 with conversations in memory; a test overrides single requests. */
export class FakeServer {
  readonly logs = new Map<string, FakeLog>();
  readonly requests: { event: string; payload: JsonObject }[] = [];
  readonly sockets = new Set<FakeSocket>();
  up = true;
  handlers: Record<string, Handler> = {};
  private ids = 0;

  log(session_id: string): FakeLog {
    let log = this.logs.get(session_id);
    if (log === undefined)
      this.logs.set(
        session_id,
        (log = { epoch: `e${(this.ids += 1)}`, messages: [], version: 0, ids: new Map() }),
      );
    return log;
  }

  /** How often a request was made. */
  count(event: string): number {
    return this.requests.filter((request) => request.event === event).length;
  }

  last(event: string): JsonObject {
    return this.requests.filter((request) => request.event === event).at(-1)!.payload;
  }

  /** Append what the bot says, without telling anybody. */
  botSays(session_id: string, ...texts: string[]): Message[] {
    const log = this.log(session_id);
    const prev = log.messages.at(-1)?.seq ?? 0;
    log.version += 2;
    const seq = log.version;
    const made = texts.map((text, index): Message => ({
      role: "bot",
      body: { text },
      seq,
      id: `${seq}.${index}`,
      parts: texts.length,
      prev,
      timestamp: seq,
    }));
    log.messages.push(...made);
    return made;
  }

  userSays(session_id: string, message: string, message_id: string): Message {
    const log = this.log(session_id);
    const prev = log.messages.at(-1)?.seq ?? 0;
    log.version += 1;
    const seq = log.version;
    const made: Message = {
      role: "user",
      message,
      message_id,
      seq,
      id: `${seq}.0`,
      parts: 1,
      prev,
      timestamp: seq,
    };
    log.messages.push(made);
    log.ids.set(message_id, seq);
    return made;
  }

  deliver(session_id: string, messages: readonly Message[]): void {
    for (const socket of this.sockets) {
      if (socket.session_id !== session_id) continue;
      for (const message of messages) {
        const { role, ...rest } = message as Message & { body?: JsonObject };
        const { body, ...numbers } = rest;
        socket.hear(role === "bot" ? "bot_uttered" : "user_uttered", { ...numbers, ...body });
      }
    }
  }

  wire(messages: readonly Message[]): JsonObject[] {
    return messages.map((message) => {
      if (message.role === "user") return { ...message } as unknown as JsonObject;
      const { body, ...numbers } = message;
      return { ...body, ...numbers } as unknown as JsonObject;
    });
  }

  page(
    log: FakeLog,
    limit: number,
    keep: (seq: number) => boolean,
  ): { messages: Message[]; has_more: boolean } {
    const seqs = [...new Set(log.messages.map((message) => message.seq).filter(keep))];
    const kept = new Set(seqs.slice(-limit));
    const messages = log.messages.filter((message) => kept.has(message.seq));
    return { messages, has_more: messages.length > 0 && log.messages[0]!.seq < messages[0]!.seq };
  }

  snapshot(session_id: string, request: JsonObject = {}): JsonObject {
    const log = this.log(session_id);
    const limit = (request["limit"] as number | undefined) ?? 50;
    const cursor = request["cursor"] as { epoch: string; seq: number } | undefined;
    const same = cursor?.epoch === log.epoch;
    const newer = log.messages.filter((message) => message.seq > (same ? cursor.seq : 0));
    const gap = cursor !== undefined && (!same || new Set(newer.map((message) => message.seq)).size > limit);
    const page = this.page(log, limit, (seq) => gap || seq > (same ? cursor.seq : 0));
    return {
      ok: true,
      session_id,
      session_token: `token of ${session_id}`,
      epoch: log.epoch,
      seq: log.version,
      resumed: log.messages.length > 0,
      messages: this.wire(page.messages),
      has_more: page.has_more,
      gap,
      typing: false,
    };
  }

  async answer(event: string, payload: JsonObject, socket: FakeSocket): Promise<unknown> {
    this.requests.push({ event, payload });
    const own = this.handlers[event];
    const answer = own !== undefined ? own(payload, socket) : this.standard(event, payload, socket);
    if (answer === SILENCE) return new Promise(() => undefined);
    return answer;
  }

  standard(event: string, payload: JsonObject, socket: FakeSocket): unknown {
    const session_id = payload["session_id"] as string;
    switch (event) {
      case "session_request": {
        socket.session_id = session_id ?? `s${(this.ids += 1)}`;
        return this.snapshot(socket.session_id, payload);
      }
      case "session_reset":
        socket.session_id = `s${(this.ids += 1)}`;
        return this.snapshot(socket.session_id);
      case "session_erase":
        this.logs.delete(session_id);
        return this.snapshot(session_id);
      case "history_request":
        return { ok: true, ...this.historyPage(session_id, payload) };
      case "user_uttered": {
        const log = this.log(session_id);
        if (payload["epoch"] !== undefined && payload["epoch"] !== log.epoch) {
          return { ok: false, error: { code: "conversation_changed", message: "changed" } };
        }
        const message_id = payload["message_id"] as string;
        const first = log.ids.get(message_id);
        if (first !== undefined) return { ok: true, seq: first, duplicate: true };
        const said = this.userSays(session_id, payload["message"] as string, message_id);
        queueMicrotask(() => this.deliver(session_id, [said]));
        return { ok: true, seq: said.seq, duplicate: false };
      }
      default:
        return { ok: true };
    }
  }

  historyPage(session_id: string, payload: JsonObject): JsonObject {
    const page = this.page(
      this.log(session_id),
      payload["limit"] as number,
      (seq) => seq < (payload["before"] as number),
    );
    return { messages: this.wire(page.messages), has_more: page.has_more };
  }

  /** Die at once: every socket is cut. */
  kill(): void {
    this.up = false;
    for (const socket of [...this.sockets]) socket.cut();
  }
}

export class FakeSocket implements Transport {
  session_id: string | null = null;
  listener: TransportListener | null = null;
  auth: JsonObject = {};
  readonly emitted: { event: string; payload: JsonObject }[] = [];
  private readonly waiting = new Set<(error: Error) => void>();

  constructor(
    private readonly server: FakeServer,
    private readonly clock: FakeClock,
  ) {}

  listen(listener: TransportListener): void {
    this.listener = listener;
  }

  open(auth: JsonObject): void {
    this.auth = auth;
    queueMicrotask(() => {
      if (this.server.up) {
        this.server.sockets.add(this);
        this.listener?.connected();
      } else {
        this.listener?.disconnected("refused");
      }
    });
  }

  close(): void {
    this.server.sockets.delete(this);
    this.session_id = null;
    this.reject("closed");
  }

  cut(): void {
    this.close();
    this.listener?.disconnected("transport close");
  }

  hear(event: string, payload: unknown): void {
    this.listener?.received(event, payload);
  }

  emit(event: string, payload: JsonObject): void {
    this.emitted.push({ event, payload });
  }

  request(event: string, payload: JsonObject, timeout_ms: number): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const timer = this.clock.start(timeout_ms, () => reject(new Error("timeout")));
      const fail = (error: Error): void => {
        this.clock.stop(timer);
        reject(error);
      };
      this.waiting.add(fail);
      void this.server.answer(event, payload, this).then((answer) => {
        this.clock.stop(timer);
        this.waiting.delete(fail);
        resolve(answer);
      });
    });
  }

  private reject(reason: string): void {
    for (const fail of this.waiting) fail(new Error(reason));
    this.waiting.clear();
  }
}

/** One tab: a client over the shared world, and the state that its events make. */
export class Tab {
  readonly client: ConversationClient;
  readonly socket: FakeSocket;
  readonly events: ClientEvent[] = [];
  state: ChatState = EMPTY;
  network: "online" | "offline" = "online";
  private told: ((happened: "online" | "offline" | "wake") => void) | null = null;

  constructor(world: World, options: Partial<ClientOptions> = {}) {
    this.socket = new FakeSocket(world.server, world.clock);
    const network: Network = {
      online: () => this.network === "online",
      watch: (changed) => {
        this.told = changed;
        return () => (this.told = null);
      },
    };
    this.client = new ConversationClient(
      {
        transport: this.socket,
        clock: world.clock,
        store: world.storage.tab(),
        network,
        chance: { id: () => `m${(world.ids += 1)}`, random: () => 1 },
      },
      { scope: "test", ...options },
    );
    this.client.subscribe((event) => {
      this.events.push(event);
      this.state = reduce(this.state, event);
    });
    this.client.start();
  }

  async goes(happened: "online" | "offline" | "wake"): Promise<void> {
    if (happened !== "wake") this.network = happened;
    this.told?.(happened);
    await settle();
  }

  get texts(): string[] {
    return this.state.messages.map((message) =>
      message.role === "user" ? message.message : String(message.body["text"]),
    );
  }

  notices(): string[] {
    return this.events.flatMap((event) => (event.type === "notice" ? [event.notice.code] : []));
  }
}

export class World {
  readonly clock = new FakeClock();
  readonly server = new FakeServer();
  readonly storage = new SharedStorage();
  ids = 0;

  async tab(options: Partial<ClientOptions> = {}): Promise<Tab> {
    const tab = new Tab(this, options);
    await settle();
    return tab;
  }
}
