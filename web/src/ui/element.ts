/**
 * `<manent-chat>`: a chat as a floating button, or filling its container.
 *
 * Owns the element's attributes, methods and events (documented in `docs/web-chat.md`). This file is all that a page
 * loads at first: it draws the button and loads `chat.ts` when the visitor opens the chat, or when the browser is idle
 * if there is a conversation already. Must not import a library.
 *
 * @csspart launcher badge panel header log message bot user bubble text buttons button card image input send composer
 * @fires manent-ready manent-open manent-close manent-message manent-sent manent-status manent-session manent-notice
 * @fires manent-unread
 */

import type { JsonObject, Message } from "../client/wire";
import type { Chat } from "./chat";
import { ATTRIBUTES, readConfig, storageScope, type ChatConfig } from "./config";
import { launcherPicture, launcherStyles } from "./launcher";
import type { CustomRenderer } from "./views/content";

export type { ChatConfig } from "./config";
export type { CustomRenderer } from "./views/content";
export type { BotMessage, Message, UserMessage } from "../client/wire";

export type TokenSource =
  string | null | (() => Promise<string | null | undefined> | string | null | undefined);

const SCRIPT_URL = import.meta.url;

export class ManentChat extends HTMLElement {
  static readonly observedAttributes = [...ATTRIBUTES, "open"];

  private readonly panel = document.createElement("section");
  private readonly launcher = document.createElement("button");
  private readonly badge = document.createElement("span");
  private readonly renderers = new Map<string, CustomRenderer>();
  private tokenSource: TokenSource = null;
  private user: JsonObject | null = null;
  private loading: Promise<Chat> | null = null;
  private chat: Chat | null = null;
  private shownCount = "";
  private root: ShadowRoot;

  constructor() {
    super();
    this.root = this.attachShadow({ mode: "open" });
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(launcherStyles);
    this.root.adoptedStyleSheets = [sheet];
    this.panel.className = "panel";
    this.panel.id = "panel";
    this.panel.setAttribute("part", "panel");
    this.panel.hidden = true;
    this.launcher.className = "launcher";
    this.launcher.type = "button";
    this.launcher.setAttribute("part", "launcher");
    this.launcher.setAttribute("aria-controls", "panel");
    this.badge.className = "badge";
    this.badge.setAttribute("part", "badge");
    this.badge.hidden = true;
    this.launcher.addEventListener("click", () => this.toggle());
    // Start loading before the click.
    this.launcher.addEventListener("pointerenter", () => void this.load(), { once: true });
  }

  connectedCallback(): void {
    const config = this.config();
    const floats = config.layout !== "fill";
    this.root.replaceChildren(this.panel, ...(floats ? [this.launcher] : []));
    this.launcher.replaceChildren(launcherPicture(config.launcher_icon), this.badge);
    this.panel.setAttribute("role", floats ? "dialog" : "region");
    this.panel.setAttribute("aria-label", config.heading);
    this.showState();
    if (!floats || this.hasAttribute("open")) void this.load();
    else if (this.hasConversation(config)) whenIdle(() => this.isConnected && void this.load());
  }

  disconnectedCallback(): void {
    this.chat?.stop();
    this.chat = null;
    this.loading = null;
  }

  attributeChangedCallback(name: string, before: string | null, after: string | null): void {
    if (!this.isConnected || before === after) return;
    if (name === "open") {
      this.showState();
      if (after === null) {
        this.fire("close", null);
      } else {
        this.fire("open", null);
        void this.load().then((chat) => chat.opened());
      }
      return;
    }
    this.panel.setAttribute("aria-label", this.config().heading);
    void this.chat?.configure(this.config());
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
    const inside = this.root.activeElement !== null;
    this.removeAttribute("open");
    if (inside) this.launcher.focus();
  }

  toggle(): void {
    if (this.isOpen) this.close();
    else this.open();
  }

  /** Focus the text field. */
  override focus(options?: FocusOptions): void {
    void this.load().then(() => this.root.querySelector("textarea")?.focus(options));
  }

  /** Send a message for the visitor and show `title`, or `text` without one. Resolves with its id. */
  async send(text: string, options: { title?: string } = {}): Promise<string | null> {
    return (await this.load()).send(text, options.title);
  }

  /** Set the JWT of the signed-in visitor, or a function that returns one each time one is needed. */
  setToken(token: TokenSource): void {
    this.tokenSource = token;
    this.chat?.client.reconnect();
  }

  /**
   * Set the signed-in visitor: `token` as in `setToken`; the other keys are sent as `metadata.user`.
   *
   * Only the token is verified. `null` signs the visitor out and removes the conversation from this browser.
   */
  async setUser(user: ({ token?: TokenSource } & { [key: string]: unknown }) | null): Promise<void> {
    if (user === null) {
      this.user = null;
      this.tokenSource = null;
      const chat = await this.load();
      chat.client.forget();
      chat.client.reconnect();
      return;
    }
    const { token, ...details } = user;
    this.user = JSON.parse(JSON.stringify(details)) as JsonObject; // fail now if it is not JSON
    if (token !== undefined) this.setToken(token);
  }

  /** Set the metadata for every message from now on. */
  setMetadata(metadata: object): void {
    this.setAttribute("metadata", JSON.stringify(metadata));
  }

  /** Start a new conversation. The server keeps the old one. */
  async reset(): Promise<void> {
    await (await this.load()).reset();
  }

  /** Erase the conversation here and on the server. */
  async erase(): Promise<void> {
    await (await this.load()).erase();
  }

  /** Remove the conversation from this browser only, for log-out and shared computers. */
  async forget(): Promise<void> {
    (await this.load()).client.forget();
  }

  /** Draw custom JSON of this `type` with `renderer`; `"*"` is for all other types. Returns this element. */
  registerRenderer(type: string, renderer: CustomRenderer): this {
    this.renderers.set(type, renderer);
    void this.chat?.configure(this.config());
    return this;
  }

  /** The loaded messages, oldest first. */
  get messages(): readonly Message[] {
    return this.chat?.state.messages ?? [];
  }

  get sessionId(): string | null {
    return this.chat?.client.sessionId ?? null;
  }

  // -- inside -------------------------------------------------------------------------------------------------

  private config(): ChatConfig {
    return readConfig(this, SCRIPT_URL);
  }

  private load(): Promise<Chat> {
    this.loading ??= this.loadChat();
    return this.loading;
  }

  private async loadChat(): Promise<Chat> {
    const { Chat } = await import("./chat");
    const chat = new Chat(
      {
        root: this.root,
        panel: this.panel,
        renderers: this.renderers,
        token: async () => (typeof this.tokenSource === "function" ? this.tokenSource() : this.tokenSource),
        metadata: () => (this.user === null ? {} : { user: this.user }),
        fire: (name, detail) => this.fire(name, detail),
        open: () => this.open(),
        close: () => this.close(),
        isOpen: () => this.isOpen,
        showUnread: (count) => this.showUnread(count),
      },
      this.config(),
    );
    this.chat = chat;
    await chat.start();
    this.fire("ready", { language: chat.localization.language });
    return chat;
  }

  private hasConversation(config: ChatConfig): boolean {
    try {
      return localStorage.getItem(`${storageScope(config)}:session`) !== null;
    } catch {
      return false; // storage is blocked
    }
  }

  private showState(): void {
    const open = this.isOpen;
    this.panel.hidden = !open;
    this.launcher.setAttribute("aria-expanded", String(open));
    this.launcher.setAttribute("aria-label", this.launcherLabel());
  }

  private launcherLabel(): string {
    const heading = this.config().heading;
    return this.badge.hidden ? heading : `${heading} (${this.badge.textContent})`;
  }

  private showUnread(count: number): void {
    const text = count > 99 ? "99+" : String(count);
    if (count === 0 ? this.shownCount === "" : this.shownCount === text) return;
    this.shownCount = count === 0 ? "" : text;
    this.badge.textContent = text;
    this.badge.hidden = count === 0;
    this.launcher.setAttribute("aria-label", this.launcherLabel());
    this.fire("unread", { count });
  }

  private fire(name: string, detail: unknown): void {
    this.dispatchEvent(new CustomEvent(`manent-${name}`, { detail, bubbles: true, composed: true }));
  }
}

function whenIdle(callback: () => void): void {
  if ("requestIdleCallback" in window) requestIdleCallback(callback, { timeout: 4000 });
  else setTimeout(callback, 1000);
}

if (customElements.get("manent-chat") === undefined) customElements.define("manent-chat", ManentChat);

// `<script type="module" src="…/manent-chat.js" data-chat …>` creates the element from its data attributes.
const script = [...document.scripts].find((candidate) => candidate.src === SCRIPT_URL);
if (script !== undefined && "chat" in script.dataset) {
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

declare global {
  interface HTMLElementTagNameMap {
    "manent-chat": ManentChat;
  }
}
