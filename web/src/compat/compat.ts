/**
 * Replaces the scripts of other Rasa chats: to switch to `<manent-chat>`, a page changes only the script's URL.
 *
 * Like the scripts that it replaces, it is a classic script, not a module. Defines `WebChat` (rasa-webchat),
 * `<rasa-chatbot-widget>` (RasaHQ's chat-widget) and `Chatroom` (scalableminds), and creates a `<manent-chat>` from
 * their options. Unsupported options are logged to the console. Must not import the chat; it loads `manent-chat.js` at
 * run time.
 */

type Chat = HTMLElement & {
  isOpen: boolean;
  open(): void;
  close(): void;
  toggle(): void;
  send(text: string, options?: { title?: string }): Promise<string | null>;
  setToken(token: string): void;
  reset(): Promise<void>;
};
type Options = Record<string, unknown>;
type Listener = (payload?: unknown) => void;

const SCRIPT_URL = (document.currentScript as HTMLScriptElement | null)?.src ?? document.baseURI;
/** The storage keys of the replaced chats. */
const ADOPTED_KEYS = "chat_session RASA_SESSION_ID";

void import(/* @vite-ignore */ new URL("manent-chat.js", SCRIPT_URL).href);

/** Run `action` once the element is defined, because it has no methods before. */
function whenReady(chat: Chat, action: (chat: Chat) => void): void {
  void customElements.whenDefined("manent-chat").then(() => action(chat));
}

function text(value: unknown): string | null {
  if (typeof value === "string" && value !== "") return value;
  return typeof value === "number" || value === true ? String(value) : null;
}

function object(value: unknown): Options {
  return typeof value === "object" && value !== null ? (value as Options) : {};
}

function create(attributes: Record<string, string | null>): Chat {
  const chat = document.createElement("manent-chat") as Chat;
  for (const [name, value] of Object.entries(attributes)) if (value !== null) chat.setAttribute(name, value);
  return chat;
}

// -- rasa-webchat -----------------------------------------------------------------------------------------------

const COLOURS: Record<string, string> = {
  mainColor: "--manent-accent",
  conversationBackgroundColor: "--manent-background",
  userTextColor: "--manent-user-text",
  userBackgroundColor: "--manent-user-background",
  assistTextColor: "--manent-text",
  assistBackgoundColor: "--manent-surface", // rasa-webchat's spelling
};

/** The options that have an effect. All others are reported. */
const SUPPORTED = new Set([
  ...Object.keys(COLOURS),
  ..."socketUrl socketPath initPayload title subtitle inputTextFieldHint profileAvatar openLauncherImage".split(
    " ",
  ),
  ..."storage embedded fullScreenMode customData customMessageDelay protocolOptions params selector".split(
    " ",
  ),
  ..."onSocketEvent onWidgetEvent".split(" "),
]);

/** Log which options have no effect, for the site's owner. */
function warnAbout(ignored: readonly string[], where: string): void {
  if (ignored.length > 0)
    console.warn(`manent-compat: ${where}: these have no effect: ${ignored.join(", ")}`);
}

/** rasa-webchat's path starts at the origin. Manent's path starts at the server's URL, which can contain a path. */
function address(url: string | null, path: string | null): Record<string, string | null> {
  const given = path?.replace(/\/$/, "") ?? null;
  if (url === null || given === null) return { "server-url": url, "socket-path": given };
  const end = given.endsWith("/socket.io") ? given.length - "/socket.io".length : 0;
  const server = new URL(url, document.baseURI).origin + given.slice(0, end);
  return { "server-url": server, "socket-path": given.slice(end) };
}

function fromWebChat(options: Options): Chat {
  const params = object(options["params"]);
  const delay = options["customMessageDelay"];
  const chat = create({
    ...address(text(options["socketUrl"]), text(options["socketPath"])),
    "initial-payload": text(options["initPayload"]),
    heading: text(options["title"]) ?? "Welcome",
    subheading: text(options["subtitle"]),
    placeholder: text(options["inputTextFieldHint"]),
    avatar: text(options["profileAvatar"]),
    "launcher-icon": text(options["openLauncherImage"]),
    storage: text(params["storage"]) ?? text(options["storage"]) ?? "local",
    layout: options["embedded"] === true || options["fullScreenMode"] === true ? "fill" : null,
    metadata: options["customData"] === undefined ? null : JSON.stringify(options["customData"]),
    "metadata-key": "customData",
    "message-delay": typeof delay === "function" ? text((delay as (message: string) => unknown)("")) : null,
    adopt: ADOPTED_KEYS,
  });
  for (const [option, property] of Object.entries(COLOURS)) {
    const value = text(options[option]);
    if (value !== null) chat.style.setProperty(property, value);
  }
  const ignored = Object.keys(options).filter((option) => !SUPPORTED.has(option));
  const events = Object.keys({ ...object(options["onSocketEvent"]), ...object(options["onWidgetEvent"]) });
  warnAbout(
    [
      ...ignored,
      ...Object.keys(params).filter((name) => name !== "storage"),
      ...events.filter((name) => !EVENT_NAMES.has(name)),
    ],
    "WebChat",
  );
  const token =
    object(object(options["protocolOptions"])["auth"])["token"] ??
    object(options["protocolOptions"])["token"];
  if (typeof token === "string") whenReady(chat, (ready) => ready.setToken(token));
  listenAsWebChat(chat, object(options["onSocketEvent"]), object(options["onWidgetEvent"]));
  return chat;
}

const EVENT_NAMES = new Set([
  ..."connect disconnect session_confirm bot_uttered user_uttered".split(" "),
  ..."onChatOpen onChatClose onChatVisible onChatHidden".split(" "),
]);

function listenAsWebChat(chat: Chat, socket: Options, widget: Options): void {
  const call = (listeners: Options, name: string, payload?: unknown): void => {
    const listener = listeners[name];
    if (typeof listener === "function") (listener as Listener)(payload);
  };
  chat.addEventListener("manent-message", (event) => {
    const message = (event as CustomEvent<{ role: string; body?: unknown }>).detail;
    if (message.role !== "user") call(socket, "bot_uttered", message.body);
    else call(socket, "user_uttered", message);
  });
  chat.addEventListener("manent-session", (event) => {
    call(socket, "session_confirm", (event as CustomEvent<{ session_id: string }>).detail.session_id);
  });
  chat.addEventListener("manent-status", (event) => {
    const { status } = (event as CustomEvent<{ status: string }>).detail;
    if (status === "online") call(socket, "connect");
    if (status === "offline") call(socket, "disconnect", "transport close");
  });
  chat.addEventListener("manent-open", () => call(widget, "onChatOpen"));
  chat.addEventListener("manent-close", () => call(widget, "onChatClose"));
  whenReady(chat, () => call(widget, "onChatVisible"));
  chat.addEventListener("compat-visible", () => call(widget, "onChatVisible"));
  chat.addEventListener("compat-hidden", () => call(widget, "onChatHidden"));
}

let current: Chat | null = null;
const withCurrent = (action: (chat: Chat) => void): void => {
  if (current !== null) whenReady(current, action);
};

function webChat(options: Options = {}, element: Element | string | null = null): void {
  const given = element ?? text(options["selector"]);
  const place = typeof given === "string" ? document.querySelector(given) : given;
  current?.remove();
  current = fromWebChat(options);
  (place ?? document.body).append(current);
}

function showAs(chat: Chat, visible: boolean): void {
  chat.hidden = !visible;
  chat.dispatchEvent(new Event(visible ? "compat-visible" : "compat-hidden"));
}

const actions = {
  open: () => withCurrent((chat) => chat.open()),
  close: () => withCurrent((chat) => chat.close()),
  toggle: () => withCurrent((chat) => chat.toggle()),
  show: () => withCurrent((chat) => showAs(chat, true)),
  hide: () => withCurrent((chat) => showAs(chat, false)),
  clear: () => withCurrent((chat) => void chat.reset()),
  send: (payload: string, title?: string) =>
    withCurrent((chat) => void chat.send(payload, title === undefined ? {} : { title })),
  isOpen: () => current?.hasAttribute("open") ?? false,
  isVisible: () => current !== null && !current.hidden,
};

Object.assign(window, {
  WebChat: { default: Object.assign(webChat, { init: webChat }, actions), ...actions },
});

// -- RasaHQ's chat-widget -----------------------------------------------------------------------------------------

const EVENTS: Record<string, string> = {
  "manent-session": "chatSessionStarted",
  "manent-open": "chatWidgetOpened",
  "manent-close": "chatWidgetClosed",
};

const ATTRIBUTES = new Set([
  ..."server-url sender-id initial-payload widget-title bot-icon widget-icon input-message-placeholder".split(
    " ",
  ),
  ..."message-delay auto-open enable-feedback authentication-token id class style hidden".split(" "),
]);

class RasaChatbotWidget extends HTMLElement {
  private chat: Chat | null = null;

  connectedCallback(): void {
    if (this.chat !== null) return;
    const get = (name: string): string | null => this.getAttribute(name);
    const chat = create({
      "server-url": get("server-url"),
      "session-id": get("sender-id"),
      "initial-payload": get("initial-payload"),
      heading: get("widget-title") ?? "Rasa Widget",
      avatar: get("bot-icon"),
      "launcher-icon": get("widget-icon"),
      placeholder: get("input-message-placeholder"),
      "message-delay": get("message-delay"),
      feedback: get("enable-feedback"),
      adopt: ADOPTED_KEYS,
      open: get("auto-open") === null || get("auto-open") === "false" ? null : "",
    });
    warnAbout(
      this.getAttributeNames().filter((name) => !ATTRIBUTES.has(name)),
      "rasa-chatbot-widget",
    );
    const token = get("authentication-token");
    if (token !== null) whenReady(chat, (ready) => ready.setToken(token));
    for (const [from, to] of Object.entries(EVENTS)) {
      chat.addEventListener(from, (event) => this.fire(to, (event as CustomEvent<unknown>).detail));
    }
    chat.addEventListener("manent-sent", (event) => {
      const { message, title } = (event as CustomEvent<{ message: string; title?: string }>).detail;
      this.fire(title === undefined ? "chatWidgetSentMessage" : "chatWidgetQuickReply", message);
    });
    chat.addEventListener("manent-message", (event) => {
      const { role, body } = (event as CustomEvent<{ role: string; body?: unknown }>).detail;
      if (role !== "user") this.fire("chatWidgetReceivedMessage", body);
    });
    this.chat = chat;
    this.append(chat);
  }

  disconnectedCallback(): void {
    this.chat?.remove();
    this.chat = null;
  }

  private fire(name: string, detail: unknown): void {
    this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true }));
  }
}

if (customElements.get("rasa-chatbot-widget") === undefined) {
  customElements.define("rasa-chatbot-widget", RasaChatbotWidget);
}

/** The older form of chat-widget, which is a div with data attributes. */
function fromDiv(): void {
  const div = document.querySelector<HTMLElement>("#rasa-chat-widget");
  const url = div?.dataset["websocketUrl"];
  if (div === null || url === undefined || div.childElementCount > 0) return;
  const chat = create({
    "server-url": url.replace(/^ws/, "http").replace(/\/socket\.io\/?$/, ""),
    heading: div.dataset["title"] ?? "Chat",
    "initial-payload": div.dataset["initialPayload"] ?? null,
    adopt: ADOPTED_KEYS,
  });
  const token = div.dataset["token"];
  if (token !== undefined) whenReady(chat, (ready) => ready.setToken(token));
  div.append(chat);
}

if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", fromDiv);
else fromDiv();

// -- Chatroom -------------------------------------------------------------------------------------------------------

class Chatroom {
  private readonly chat: Chat;

  constructor(options: Options) {
    const supported = ["host", "title", "container", "welcomeMessage", "speechRecognition", "voiceLang"];
    warnAbout(
      Object.keys(options).filter((option) => !supported.includes(option)),
      "Chatroom",
    );
    this.chat = create({
      "server-url": text(options["host"]),
      heading: text(options["title"]) ?? "Chat",
      "initial-payload": text(options["welcomeMessage"]),
      voice: options["speechRecognition"] ? "" : null,
      lang: text(options["voiceLang"]),
      adopt: ADOPTED_KEYS,
    });
    const container = options["container"];
    (container instanceof Element ? container : document.body).append(this.chat);
  }

  openChat(): void {
    whenReady(this.chat, (chat) => chat.open());
  }
}

Object.assign(window, { Chatroom });
