/**
 * `<manent-chat>`: a chat that opens from a floating button or fills its container.
 *
 * Owns the element's attributes, methods and events (documented in `docs/web-chat.md`). A page loads only this file at
 * first. It draws the button and loads `chat.ts` when the visitor opens the chat, or if a conversation exists, when the
 * browser is idle. Must not import a library.
 *
 * @csspart launcher badge panel header log message bot user bubble text buttons button card image input send composer
 * @fires manent-ready manent-open manent-close manent-message manent-sent manent-status manent-session manent-notice
 * @fires manent-unread manent-teaser
 */

import type { ConnectionStatus, Notice } from "../client/events";
import type { JsonObject, Message } from "../client/wire";
import type { Chat } from "./chat";
import { ATTRIBUTES, readBasics, type Basics } from "./basics";
import { launcherPicture, launcherStyles, pageStyles } from "./launcher";
import type { TeaserState } from "./proactive/invitation";
import { remember, remembered } from "./remembered";
import type { CustomRenderer } from "./views/content";
import { languageTags, Waiting, waitingStyles } from "./waiting";

export type { ChatConfig } from "./config";
export type { CustomRenderer } from "./views/content";
export type { BotMessage, Message, UserMessage } from "../client/wire";

export type TokenSource =
  string | null | (() => Promise<string | null | undefined> | string | null | undefined);

const SCRIPT_URL = import.meta.url;

/** Attributes from `web_chat` in the server's `credentials.yml`. The server appends this function to this file. */
declare const MANENT_SITE: (() => Record<string, string>) | undefined;
const SITE = typeof MANENT_SITE === "function" ? MANENT_SITE() : {};

/** Whether the last press was a touch, after which focusing a text field would open the keyboard over the chat. */
let touched = "matchMedia" in globalThis && matchMedia("(pointer: coarse)").matches;

/**
 * Load the chat's code. Exported so that an older release of this file can load a newer chat.
 *
 * `again` is a query that makes the browser request the file again, because it caches the failure of a URL. The build
 * replaces `CHAT_FILE`. Bundlers of other sites recognize only the first form of the import.
 */
export const importChat = (again = ""): Promise<typeof import("./chat")> =>
  again === "" ? import("./chat") : import(/* @vite-ignore */ new URL("CHAT_FILE" + again, SCRIPT_URL).href);

// Without a browser (server-side rendering) the module can be imported, and defines nothing.
const Base = globalThis.HTMLElement ?? (class {} as typeof HTMLElement);

export class ManentChat extends Base {
  static readonly observedAttributes = [...ATTRIBUTES, "open"];

  readonly #panel = document.createElement("section");
  readonly #launcher = document.createElement("button");
  readonly #badge = document.createElement("span");
  readonly #renderers = new Map<string, CustomRenderer>();
  readonly #adopted = new Set<string>();
  #tokenSource: TokenSource = null;
  #user: JsonObject | null = null;
  #loading: Promise<Chat> | null = null;
  #chat: Chat | null = null;
  #waiting: Waiting | null = null;
  #shownCount = "";
  /** Aborted when the element is removed, so that a chat that is still loading does not start. */
  #life = new AbortController();
  /** Aborted when the visitor opens or closes the chat, and when the element is removed. */
  #invitation = new AbortController();
  /** Whether changes of attributes come from the page or the visitor instead of the parser or this element. */
  #settled = false;
  #root: ShadowRoot;

  constructor() {
    super();
    this.#root = this.attachShadow({ mode: "open" });
    this.#panel.className = "panel";
    this.#panel.id = "panel";
    this.#panel.setAttribute("part", "panel");
    this.#panel.hidden = true;
    this.#panel.tabIndex = -1;
    this.#launcher.className = "launcher";
    this.#launcher.type = "button";
    this.#launcher.setAttribute("part", "launcher");
    this.#launcher.setAttribute("aria-controls", "panel");
    this.#badge.className = "badge";
    this.#badge.setAttribute("part", "badge");
    this.#badge.hidden = true;
    this.#launcher.addEventListener("click", () => this.toggle());
    // Start loading before the click.
    this.#launcher.addEventListener("pointerenter", () => this.#prepare(), { once: true });
    this.#root.addEventListener("keydown", (event) => {
      if ((event as KeyboardEvent).key !== "Escape" || !this.isOpen || !this.#floats) return;
      event.stopPropagation();
      this.close();
    });
  }

  connectedCallback(): void {
    for (const name in SITE) if (!this.hasAttribute(name)) this.setAttribute(name, SITE[name]!);
    // "accent: #252" becomes the custom property --manent-accent.
    this.style.cssText += (this.getAttribute("colors") ?? "").replace(/[\w-]+(?=:)/g, "--manent-$&");
    const basics = this.#basics();
    const floats = this.#floats;
    if (this.#panel.parentNode === null) this.#root.append(this.#panel);
    if (!floats) this.#launcher.remove();
    else if (this.#launcher.parentNode === null) this.#root.append(this.#launcher);
    this.#adopt(launcherStyles + waitingStyles);
    this.#launcher.replaceChildren(launcherPicture(this.getAttribute("launcher-icon") ?? ""), this.#badge);
    this.#panel.setAttribute("role", floats ? "dialog" : "region");
    this.#panel.setAttribute("aria-label", basics.heading);
    const stored = remembered(basics, "open");
    if (floats && stored !== null && this.#chat === null) {
      this.#settled = false;
      this.toggleAttribute("open", stored === "1");
    }
    this.#settled = true;
    this.#showState();
    if (this.#chat !== null) return; // the element was moved within the page
    this.#drawUnread(Number(remembered(basics, "unread")) || 0);
    if (this.isOpen) this.#prepare();
    else {
      if (remembered(basics, "session") !== null) whenIdle(() => this.isConnected && this.#prepare());
      if (floats && stored === null && remembered(basics, "met") === null) this.#invite();
    }
    window.manentChat ??= this;
  }

  disconnectedCallback(): void {
    // An element that is moved is connected again immediately, so keep its chat.
    queueMicrotask(() => {
      if (this.isConnected) return;
      this.#life.abort();
      this.#invitation.abort();
      this.#life = new AbortController();
      this.#invitation = new AbortController();
      if (window.manentChat === this) delete window.manentChat;
      this.#chat?.stop();
      this.#chat = this.#loading = null;
    });
  }

  attributeChangedCallback(name: string, before: string | null, after: string | null): void {
    if (!this.#settled || !this.isConnected || before === after) return;
    if (name === "open") {
      if (before !== null && after !== null) return;
      this.#showState();
      remember(this.#basics(), "open", after === null ? "0" : "1");
      remember(this.#basics(), "met", "1");
      this.#invitation.abort();
      if (after === null) {
        this.#fire("close", null);
      } else {
        const isByItself = after === "auto";
        this.#fire("open", null);
        // The launcher can be hidden now. Until the chat is loaded, Escape and Tab start from the panel.
        if (this.#chat === null && this.#root.activeElement !== null && !isByItself) this.#waiting?.focus();
        this.#load().then((chat) => chat.opened(!isByItself), ignored);
      }
      return;
    }
    this.#panel.setAttribute("aria-label", this.#basics().heading);
    void this.#chat?.configure();
  }

  // -- for the page -------------------------------------------------------------------------------------------

  /** Whether the panel is visible. */
  get isOpen(): boolean {
    return this.getAttribute("layout") === "fill" || this.hasAttribute("open");
  }

  open(): void {
    this.setAttribute("open", "");
  }

  close(): void {
    const inside = this.#root.activeElement !== null;
    this.removeAttribute("open");
    if (inside) this.#launcher.focus();
  }

  toggle(): void {
    if (this.isOpen) this.close();
    else this.open();
  }

  /** Focus the text field. */
  override focus(options?: FocusOptions): void {
    this.#load().then(() => this.#root.querySelector("textarea")?.focus(options), ignored);
  }

  /** Send a message for the visitor, and show `title` or, if it is missing, `text`. Resolves with the message's id. */
  async send(text: string, options: { title?: string } = {}): Promise<string | null> {
    return (await this.#load()).send(text, options.title);
  }

  /** Set the JWT of the signed-in visitor, or a function that returns a JWT whenever the chat needs one. */
  setToken(token: TokenSource): void {
    this.#tokenSource = token;
    this.#chat?.client.reconnect();
  }

  /**
   * Set the signed-in visitor. `token` is used as in `setToken`, and the other keys are sent as `metadata.user`.
   *
   * The server verifies only the token. `null` signs the visitor out and removes the conversation from this browser.
   */
  async setUser(user: ({ token?: TokenSource } & { [key: string]: unknown }) | null): Promise<void> {
    if (user === null) {
      this.#user = null;
      this.#tokenSource = null;
      const chat = await this.#load();
      chat.client.reconnect(); // first, because the next conversation is not the previous visitor's
      chat.client.forget();
      return;
    }
    const { token, ...details } = user;
    this.#user = JSON.parse(JSON.stringify(details)) as JsonObject; // fail now if it is not JSON
    if (token !== undefined) this.setToken(token);
  }

  /** Set the metadata for all following messages. */
  setMetadata(metadata: object): void {
    this.setAttribute("metadata", JSON.stringify(metadata));
  }

  /** Start a new conversation. The server keeps the old one. */
  async reset(): Promise<void> {
    await (await this.#load()).reset();
  }

  /** Erase the conversation in this browser and on the server. */
  async erase(): Promise<void> {
    await (await this.#load()).erase();
  }

  /** Remove the conversation only from this browser, for log-out and shared computers. */
  async forget(): Promise<void> {
    (await this.#load()).client.forget();
  }

  /** Draw custom JSON of this `type` with `renderer`. The type `"*"` matches all other types. Returns this element. */
  registerRenderer(type: string, renderer: CustomRenderer): this {
    this.#renderers.set(type, renderer);
    void this.#chat?.configure();
    return this;
  }

  /** The loaded messages, oldest first. */
  get messages(): readonly Message[] {
    return this.#chat?.state.messages ?? [];
  }

  get sessionId(): string | null {
    return this.#chat?.client.sessionId ?? null;
  }

  // -- inside -------------------------------------------------------------------------------------------------

  #basics(): Basics {
    return readBasics(this, SCRIPT_URL);
  }

  get #floats(): boolean {
    return this.getAttribute("layout") !== "fill";
  }

  /** Load the chat in the background. A failure is logged and shown. */
  #prepare(): void {
    this.#load().catch(ignored);
  }

  #load(): Promise<Chat> {
    if (this.#loading === null) {
      this.#wait();
      const { signal } = this.#life;
      this.#loading = this.#loadChat(signal).catch((error: unknown) => {
        if (!signal.aborted) {
          this.#loading = null; // the next call tries again
          this.#waiting?.failed(true);
          console.error(`manent-chat: the chat could not be loaded from ${SCRIPT_URL}`, error);
        }
        throw error;
      });
    }
    return this.#loading;
  }

  /** Invite a visitor who has not used the chat, if the site has rules for this. */
  #invite(): void {
    if (!["proactive", "teaser", "open-after"].some((name) => this.hasAttribute(name))) return;
    const invitation = this.#invitation;
    import("./proactive/invitation").then(
      ({ invite }) =>
        invite(
          this,
          this.#root,
          invitation,
          () => this.#basics(),
          (css) => this.#adopt(css),
        ),
      (error: unknown) => console.error("manent-chat: the teaser could not be loaded", error),
    );
  }

  /** Show that the chat is loading. */
  #wait(): void {
    if (this.#waiting === null) {
      this.#waiting = new Waiting(
        this.#basics().heading,
        languageTags(this),
        this.#floats ? () => this.close() : null,
        () => this.#load().then((chat) => chat.opened(), ignored),
      );
    }
    this.#waiting.failed(false);
    this.#panel.prepend(this.#waiting.element);
  }

  async #loadChat(signal: AbortSignal): Promise<Chat> {
    const { Chat } = await loadCode(signal);
    signal.throwIfAborted();
    const chat = new Chat({
      element: this,
      root: this.#root,
      panel: this.#panel,
      basics: () => this.#basics(),
      renderers: this.#renderers,
      adopt: (css) => this.#adopt(css),
      token: async () => (typeof this.#tokenSource === "function" ? this.#tokenSource() : this.#tokenSource),
      metadata: () => (this.#user === null ? {} : { user: this.#user }),
      fire: (name, detail) => this.#fire(name, detail),
      open: () => this.open(),
      close: () => this.close(),
      isOpen: () => this.isOpen,
      isTouched: () => touched,
      showUnread: (count) => this.#showUnread(count),
    });
    this.#chat = chat;
    await chat.start();
    signal.throwIfAborted();
    this.#waiting?.element.remove();
    this.#fire("ready", { language: chat.localization.language });
    return chat;
  }

  /**
   * Add styles, unless they are already added. A length in rem depends on the visitor's text size instead of the page's
   * font size of `html`.
   */
  #adopt(css: string): void {
    if (this.#adopted.has(css)) return;
    this.#adopted.add(css);
    const { style } = this.#panel;
    style.fontSize = "medium";
    const medium = parseFloat(getComputedStyle(this.#panel).fontSize) || 16;
    style.fontSize = "";
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(css.replace(/([\d.]+)rem\b/g, (_, length: string) => `${Number(length) * medium}px`));
    this.#root.adoptedStyleSheets = [...this.#root.adoptedStyleSheets, sheet];
  }

  #showState(): void {
    const open = this.isOpen;
    this.#panel.hidden = !open;
    this.#launcher.setAttribute("aria-expanded", String(open));
    this.#launcher.setAttribute("aria-label", this.#launcherLabel());
  }

  #launcherLabel(): string {
    const heading = this.#basics().heading;
    return this.#badge.hidden ? heading : `${heading}: ${this.#badge.textContent}`;
  }

  #showUnread(count: number): void {
    if (!this.#drawUnread(count)) return;
    remember(this.#basics(), "unread", count === 0 ? null : String(count));
    this.#fire("unread", { count });
  }

  /** Show the number on the launcher. Returns false if the launcher already shows it. */
  #drawUnread(count: number): boolean {
    const text = count === 0 ? "" : count > 99 ? "99+" : String(count);
    if (this.#shownCount === text) return false;
    this.#shownCount = text;
    this.#badge.textContent = text;
    this.#badge.hidden = count === 0;
    this.#launcher.setAttribute("aria-label", this.#launcherLabel());
    return true;
  }

  #fire(name: string, detail: unknown): void {
    this.dispatchEvent(new CustomEvent(`manent-${name}`, { detail, bubbles: true, composed: true }));
  }
}

const ignored = (): void => undefined; // `load` has reported it

const ATTEMPTS = 3;

/** Load the chat's code, again after a pause if that fails. */
async function loadCode(signal: AbortSignal): Promise<typeof import("./chat")> {
  for (let attempt = 1; ; attempt += 1) {
    signal.throwIfAborted();
    try {
      if (attempt === 1 || !new URL(SCRIPT_URL).pathname.endsWith("/manent-chat.js"))
        return await importChat();
      // After an upgrade, the code that this file refers to no longer exists: load the newest release of this file.
      const again = `?again=${Date.now()}`;
      const newest = new URL(again, SCRIPT_URL).href;
      const loader = (await import(/* @vite-ignore */ newest)) as typeof import("./element");
      return await loader.importChat(again);
    } catch (error) {
      if (attempt === ATTEMPTS) throw error;
      await new Promise((resolve) => setTimeout(resolve, 700 * attempt));
    }
  }
}

function whenIdle(callback: () => void): void {
  if ("requestIdleCallback" in window) requestIdleCallback(callback, { timeout: 4000 });
  else setTimeout(callback, 1000);
}

/** Create the element for `<script type="module" src="…/manent-chat.js" data-chat …>`, from its data attributes. */
function placeFromScript(): void {
  const script = [...document.scripts].find((candidate) => candidate.src === SCRIPT_URL);
  if (script === undefined || !("chat" in script.dataset)) return;
  const place = (): void => {
    const element = document.createElement("manent-chat");
    for (const { name, value } of script.attributes) {
      if (name.startsWith("data-") && name !== "data-chat") element.setAttribute(name.slice(5), value);
    }
    document.body.append(element);
  };
  if (document.body === null) addEventListener("DOMContentLoaded", place);
  else place();
}

if ("customElements" in globalThis && customElements.get("manent-chat") === undefined) {
  customElements.define("manent-chat", ManentChat);
  const pressed = (event: Event): void => void (touched = (event as PointerEvent).pointerType === "touch");
  addEventListener("pointerdown", pressed, { capture: true, passive: true });
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(pageStyles);
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
  placeFromScript();
}

/** The events of the element. All events bubble and are composed, so any ancestor can listen to them. */
export interface ManentChatEvents {
  "manent-ready": CustomEvent<{ language: string }>;
  "manent-open": CustomEvent<null>;
  "manent-close": CustomEvent<null>;
  "manent-session": CustomEvent<{ session_id: string; resumed: boolean; plain: boolean }>;
  "manent-message": CustomEvent<Message>;
  "manent-sent": CustomEvent<{ message: string; title?: string; message_id: string }>;
  "manent-status": CustomEvent<{ status: ConnectionStatus }>;
  "manent-unread": CustomEvent<{ count: number }>;
  "manent-teaser": CustomEvent<{ state: TeaserState; text: string }>;
  "manent-notice": CustomEvent<Notice>;
}

declare global {
  interface HTMLElementTagNameMap {
    "manent-chat": ManentChat;
  }
  interface GlobalEventHandlersEventMap extends ManentChatEvents {}
  interface Window {
    /** The first chat of the page. */
    manentChat?: ManentChat;
  }
}
