// @vitest-environment happy-dom
import { expect, it } from "vitest";

import type { ConversationClient } from "../../src/client/client";
import { Attaching } from "../../src/ui/attaching";
import { Attention } from "../../src/ui/attention";
import { ENGLISH } from "../../src/ui/i18n";
import { Preferences } from "../../src/ui/preferences";
import { SharedStorage } from "../client/world";

it("leaves a copied text to the field, although Office programs add a picture of it", () => {
  const attention = new Attention(new Preferences(new SharedStorage().tab(), "chat"), () => undefined);
  const attaching = new Attaching(
    document.createElement("section"),
    {} as ConversationClient,
    attention,
    () => ({ offer: null, localization: ENGLISH, changed: () => undefined, failed: () => undefined }),
    () => undefined,
  );
  const isTaken = (...types: string[]): boolean => {
    const event = new Event("paste", { cancelable: true });
    Object.assign(event, { clipboardData: { files: [new File(["x"], "a.png")], types } });
    attaching.paste(event as ClipboardEvent);
    return event.defaultPrevented;
  };

  expect(isTaken("text/plain", "text/html", "image/png", "Files")).toBe(false);
  expect(isTaken("text/html", "Files")).toBe(true); // a picture of a page
  expect(isTaken("text/plain", "Files")).toBe(true); // a file, with its name
});

it("adds the styles of files through the chat, which makes their sizes independent of the page's font size", async () => {
  const attention = new Attention(new Preferences(new SharedStorage().tab(), "chat"), () => undefined);
  const adopted = new Promise<string>((resolve) => {
    const context = {
      offer: { max_size: 1, max_per_message: 1, types: ["image/png"] },
      localization: ENGLISH,
      changed: () => undefined,
      failed: () => undefined,
    };
    const client = {} as ConversationClient;
    const panel = document.createElement("section");
    new Attaching(panel, client, attention, () => context, resolve).add([new File(["too large"], "a.png")]);
  });

  expect(await adopted).toContain("rem");
  attention.stop();
});
