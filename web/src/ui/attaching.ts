/**
 * The visitor's files, as long as no file is chosen: buttons, drop and paste.
 *
 * Loads `files/tray.ts` when the visitor chooses the first file. Called by `chat.ts` and the composer. Must not upload.
 */

import type { ConversationClient } from "../client/client";
import type { Attachment } from "../client/wire";
import type { Attention } from "./attention";
import type { AttachingContext } from "./files/context";
import type { Tray } from "./files/tray";
import type { Attachable } from "./views/shell";

export class Attaching implements Attachable {
  private tray: Tray | null = null;
  private loading = 0;

  constructor(
    private readonly panel: HTMLElement,
    private readonly client: ConversationClient,
    private readonly attention: Attention,
    private readonly context: () => AttachingContext,
    /** Add styles to the chat. */
    private readonly adopt: (css: string) => void,
  ) {}

  /** Whether the next message has no files. */
  get isEmpty(): boolean {
    return this.tray === null || this.tray.isEmpty;
  }

  /** Whether files are being uploaded. */
  get isBusy(): boolean {
    return this.loading > 0 || this.tray?.isBusy === true;
  }

  get accept(): string {
    return this.context().offer?.types.join() ?? "";
  }

  get hasCamera(): boolean {
    return matchMedia("(pointer: coarse)").matches && /image\/(jpeg|heic)/.test(this.accept);
  }

  /** Upload files for the next message. */
  add(files: Iterable<File>): void {
    const chosen = [...files];
    if (chosen.length === 0 || this.context().offer === null) return;
    void this.load((tray) => tray.add(chosen));
  }

  paste(event: ClipboardEvent): void {
    const files = [...(event.clipboardData?.files ?? [])];
    // Office programs add a picture of the text that was copied.
    const isText = ["text/plain", "text/html"].every((type) => event.clipboardData?.types.includes(type));
    if (files.length === 0 || isText) return;
    event.preventDefault();
    this.add(files);
  }

  view(): unknown {
    return this.tray?.view();
  }

  /** Return the uploaded files of the next message, and remove them from the composer. */
  take(): readonly Attachment[] {
    return this.tray?.take() ?? [];
  }

  /** Cancel uploads and remove all files. */
  clear(): void {
    this.tray?.clear();
  }

  /** Let the browser open a file, with a new link if the link has run out. */
  follow(event: Event, seq: number, file_id: string): void {
    const link = event.currentTarget as HTMLAnchorElement;
    const expires = Number(new URL(link.href).searchParams.get("expires"));
    if (expires * 1000 > Date.now()) return;
    event.preventDefault();
    void this.client.reread(seq).then(
      ([message]) => {
        const found =
          message?.role === "user" && message.attachments?.find((file) => file.file_id === file_id);
        if (found && found.url) link.href = link.href.replace(/\/files\/.*/, "") + found.url;
        location.assign(link.href);
      },
      () => this.context().failed(),
    );
  }

  /** Accept files that are dropped on the chat. */
  listen(signal: AbortSignal): void {
    const { panel } = this;
    const hasFiles = (event: DragEvent): boolean =>
      this.context().offer !== null && event.dataTransfer?.types.includes("Files") === true;
    let depth = 0; // each element below the pointer reports entering and leaving
    const over = (change: number): void => {
      depth = Math.max(0, depth + change);
      panel.toggleAttribute("data-drop", depth > 0);
    };
    panel.addEventListener(
      "dragenter",
      (event) => {
        if (!hasFiles(event)) return;
        over(1);
        if (this.tray === null) void this.load(() => undefined); // it draws where to drop
      },
      { signal },
    );
    panel.addEventListener("dragleave", (event) => hasFiles(event) && over(-1), { signal });
    panel.addEventListener(
      "dragover",
      (event) => {
        if (hasFiles(event)) event.preventDefault();
      },
      { signal },
    );
    panel.addEventListener(
      "drop",
      (event) => {
        if (!hasFiles(event)) return;
        event.preventDefault();
        over(-depth);
        this.add([...event.dataTransfer!.files]);
      },
      { signal },
    );
  }

  /** Load the code for files, if it is not loaded yet, and call `use`. */
  private async load(use: (tray: Tray) => void): Promise<void> {
    this.loading += 1;
    this.context().changed();
    try {
      const { Tray, trayStyles } = await import("./files/tray");
      if (this.tray === null) {
        this.tray = new Tray(this.client, this.context, (text) => this.attention.announce(text));
        this.adopt(trayStyles);
      }
      use(this.tray);
    } catch (error) {
      console.error("manent-chat: the code for files could not be loaded", error);
      this.context().failed();
    } finally {
      this.loading -= 1;
      this.context().changed();
    }
  }
}
