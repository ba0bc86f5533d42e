import { expect, it } from "vitest";

import { RequestRefused, type ConversationClient } from "../../src/client/client";
import { readUpload, uploadForm } from "../../src/client/upload";
import { systemChance } from "../../src/client/connect";
import { ConversationClient as Client } from "../../src/client/client";
import { FakeClock, FakeServer, FakeSocket, settle, SharedStorage } from "./world";

const CAT = { file_id: "f1", name: "cat.png", mime: "image/png", size: 3 };

function joined(
  server: FakeServer,
  uploader: (form: FormData, token: string | null) => Promise<unknown>,
): ConversationClient {
  const clock = new FakeClock();
  const client = new Client(
    {
      transport: new FakeSocket(server, clock),
      clock,
      store: new SharedStorage().tab(),
      network: { online: () => true, watch: () => () => undefined },
      chance: systemChance,
      uploader,
    },
    { scope: "test", token: () => "jwt" },
  );
  client.start();
  return client;
}

it("uploads for the conversation that it has joined, and names the file in the next message", async () => {
  const server = new FakeServer();
  const forms: [string, FormDataEntryValue][][] = [];
  const client = joined(server, async (form, token) => {
    expect(token).toBe("jwt");
    forms.push([...form.entries()]);
    return { ok: true, ...CAT };
  });
  await expect(client.upload(new Blob(["abc"]))).rejects.toThrow("no conversation");
  await settle();

  const file = await client.upload(new Blob(["abc"]), { name: "cat.png" });
  client.send("", { attachments: [file] });
  await settle();

  expect(file).toEqual(CAT);
  expect(forms[0]!.map(([name]) => name)).toEqual(["session_id", "session_token", "file"]);
  expect(server.last("user_uttered")).toMatchObject({ message: "", attachments: ["f1"] });
  client.stop();
});

it("keeps the files of a message in the outbox until it is acknowledged", async () => {
  const server = new FakeServer();
  const client = joined(server, async () => ({ ok: true, ...CAT }));
  await settle();
  server.handlers["user_uttered"] = () => ({ ok: false, error: { code: "unknown_file", message: "gone" } });
  const states: unknown[] = [];
  client.subscribe((event) => {
    if (event.type === "outbox")
      states.push(event.entries.map(({ state, attachments }) => [state, attachments]));
  });
  client.send("look", { attachments: [await client.upload(new Blob(["abc"]))] });
  await settle();

  expect(states.at(-1)).toEqual([["failed", [CAT]]]);
  client.stop();
});

it("puts the file last, with its name", () => {
  const form = uploadForm({ session_id: "s" }, new File(["abc"], "notes.txt"), undefined);

  expect([...form.keys()]).toEqual(["session_id", "file"]);
  expect((form.get("file") as File).name).toBe("notes.txt");
});

it("says why the server refused a file", () => {
  const refused = { ok: false, error: { code: "file_too_large", message: "too large" } };

  expect(() => readUpload(refused)).toThrow(RequestRefused);
  expect(() => readUpload(null)).toThrow("could not be read");
});
