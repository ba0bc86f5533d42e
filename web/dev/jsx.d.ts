/**
 * `<manent-chat>` in TSX and in Vue's templates. Part of the npm package; a project that does not have React, Preact or
 * Vue ignores the parts for them.
 */

import type { ManentChat, ManentChatEvents } from "./ui/element.js";

type Listeners = {
  [Name in keyof ManentChatEvents as `on${Name}`]?: (event: ManentChatEvents[Name]) => void;
};

interface ManentChatAttributes extends Listeners {
  "server-url"?: string;
  "socket-path"?: string;
  namespace?: string;
  heading?: string;
  "heading-level"?: number | string;
  subheading?: string;
  placeholder?: string;
  lang?: string;
  tone?: "formal" | "informal";
  "storage-key"?: string;
  "cookie-domain"?: string;
  theme?: "auto" | "light" | "dark";
  layout?: "launcher" | "fill";
  position?: "left" | "right";
  open?: boolean;
  storage?: "local" | "session" | "none";
  "initial-payload"?: string;
  "session-id"?: string;
  adopt?: string;
  avatar?: string;
  "launcher-icon"?: string;
  metadata?: string;
  "message-delay"?: number | string;
  conversations?: boolean;
  voice?: boolean;
  hide?: string;
  "link-target"?: "_blank" | "_self" | "_parent" | "_top";
  "metadata-key"?: string;
  "user-message-event"?: string;
  "bot-message-event"?: string;
  class?: string;
  className?: string;
  id?: string;
  slot?: string;
  hidden?: boolean;
  style?: string | Readonly<Record<string, string | number>>;
  key?: string | number | null;
  ref?: ((element: ManentChat | null) => void) | { current: ManentChat | null } | null;
}

declare global {
  namespace JSX {
    interface IntrinsicElements {
      "manent-chat": ManentChatAttributes;
    }
  }
}

// @ts-ignore: the project may not have React
declare module "react" {
  namespace JSX {
    interface IntrinsicElements {
      "manent-chat": ManentChatAttributes;
    }
  }
}

// @ts-ignore: the project may not have Preact
declare module "preact" {
  namespace JSX {
    interface IntrinsicElements {
      "manent-chat": ManentChatAttributes;
    }
  }
}

// @ts-ignore: the project may not have Vue
declare module "vue" {
  interface GlobalComponents {
    "manent-chat": new () => { $props: ManentChatAttributes };
  }
}
