/**
 * The public API of `@manent/client`.
 *
 * Only re-exports. Nothing inside `web/src` imports this file.
 */

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
export { httpUploader, type Uploader, type UploadOptions } from "./upload";
export { socketIoTransport, type SocketIoOptions } from "./socketio";
export * from "./wire";
