/**
 * Creates the protocol client that a chat in a browser needs, from the chat's configuration.
 *
 * Called by `chat.ts`. Must not start it.
 */

import { ConversationClient } from "../client/client";
import { systemChance, systemClock } from "../client/connect";
import type { KeyValueStore } from "../client/ports";
import { bestTransport } from "../client/transports";
import { httpUploader } from "../client/upload";
import type { JsonObject } from "../client/wire";
import { browserNetwork } from "./browser";
import type { ChatConfig } from "./config";

/** Create the client. It calls `token` and `metadata` whenever it needs a new value. */
export function createClient(
  config: ChatConfig,
  store: KeyValueStore,
  token: () => Promise<string | null | undefined>,
  metadata: () => JsonObject,
): ConversationClient {
  return new ConversationClient(
    {
      transport: bestTransport({
        url: config.server_url,
        path: config.socket_path,
        namespace: config.namespace,
      }),
      clock: systemClock,
      store,
      network: browserNetwork,
      chance: systemChance,
      uploader: httpUploader(config.server_url),
    },
    {
      scope: config.scope,
      token,
      metadata,
      accepts: ["agent"],
      plain_metadata_key: config.plain_metadata_key,
      user_message_event: config.user_message_event,
      bot_message_event: config.bot_message_event,
      ...(config.initial_payload === "" ? {} : { initial_payload: config.initial_payload }),
      ...(config.session_id === "" ? {} : { session_id: config.session_id }),
    },
  );
}
