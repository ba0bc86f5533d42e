/** `@manent/client`: the protocol client on its own, for chats that others write. */

export { ConversationClient, RequestRefused, type ClientOptions, type ClientPorts } from "./client";
export {
  alwaysOnline,
  connect,
  memoryStore,
  systemChance,
  systemClock,
  type ConnectOptions,
} from "./connect";
export type { ClientEvent, ConnectionStatus, Notice } from "./events";
export type { OutboxEntry, SendState } from "./outbox";
export type { Chance, Clock, KeyValueStore, Network, Timer, Transport, TransportListener } from "./ports";
export { socketIoTransport, type SocketIoOptions } from "./socketio";
export * from "./wire";
