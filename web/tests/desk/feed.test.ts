import { beforeEach, describe, expect, it } from "vitest";

import { Feed, Lines } from "../../src/desk/feed";
import { FakeClock, settle } from "../client/world";

class Stream {
  readonly body: ReadableStream<Uint8Array>;
  private controller!: ReadableStreamDefaultController<Uint8Array>;

  constructor(readonly headers: Record<string, string>) {
    this.body = new ReadableStream({ start: (controller) => void (this.controller = controller) });
  }

  async send(text: string): Promise<void> {
    this.controller.enqueue(new TextEncoder().encode(text));
    await delivered();
  }

  async end(): Promise<void> {
    this.controller.close();
    await delivered();
  }
}

/** Streams use real tasks, not only promises. */
const delivered = (): Promise<void> => new Promise((done) => setTimeout(done, 5));

let clock: FakeClock;
let streams: Stream[];
let heard: unknown[];
let status: number;
let feed: Feed;

beforeEach(() => {
  clock = new FakeClock();
  streams = [];
  heard = [];
  status = 200;
  const fetcher = (async (_: string, { headers, signal }: RequestInit) => {
    const stream = new Stream(headers as Record<string, string>);
    streams.push(stream);
    signal!.addEventListener("abort", () => void stream.end().catch(() => undefined));
    return { status, ok: status === 200, body: stream.body } as Response;
  }) as typeof fetch;
  feed = new Feed(
    "/events",
    clock,
    {
      event: (type, data) => heard.push([type, data]),
      opened: () => heard.push("opened"),
      lost: () => heard.push("lost"),
      signedOut: () => heard.push("signed out"),
    },
    fetcher,
    () => 1,
  );
});

describe("the feed", () => {
  it("passes events on and resumes after the last one", async () => {
    feed.start();
    await delivered();
    await streams[0]!.send('retry: 1000\n\nid: a1\nevent: message\ndata: {"x":1}\n\nid: a2\nevent: typ');
    await streams[0]!.end();
    expect(heard).toEqual(["opened", ["message", { x: 1 }], "lost"]);

    await clock.elapse(1_000);
    await delivered();
    expect(streams[1]!.headers["Last-Event-ID"]).toBe("a1");
    expect(heard.at(-1)).toBe("opened");
  });

  it("keeps trying while the server restarts", async () => {
    status = 503;
    feed.start();
    for (let i = 0; i < 4; i += 1) {
      await delivered();
      await clock.elapse(10_000);
    }
    status = 200;
    await delivered();
    await clock.elapse(10_000);
    await delivered();

    expect(heard.filter((each) => each === "lost").length).toBeGreaterThanOrEqual(4);
    expect(heard.at(-1)).toBe("opened");
  });

  it("notices a connection that is dead without an end", async () => {
    feed.start();
    await delivered();
    await streams[0]!.send(": still here\n\n");
    await clock.elapse(44_000);
    expect(heard).not.toContain("lost");
    await clock.elapse(2_000);
    await delivered();
    expect(heard).toContain("lost");
  });

  it("does not retry once the session has ended", async () => {
    status = 401;
    feed.start();
    await delivered();
    await clock.elapse(60_000);

    expect(heard).toEqual(["signed out"]);
    expect(streams).toHaveLength(1);
  });

  it("reports nothing after it was stopped", async () => {
    feed.start();
    await delivered();
    feed.stop();
    await settle();
    await delivered();

    expect(heard).toEqual(["opened"]);
  });
});

describe("server-sent events", () => {
  it("are the same for any split into chunks", () => {
    const text = "id: 1\nevent: a\ndata: x\ndata: y\n\n: comment\n\nevent: reset\ndata:\n\n";
    for (let size = 1; size <= text.length; size += 1) {
      const found: unknown[] = [];
      const lines = new Lines((...event) => found.push(event));
      for (let at = 0; at < text.length; at += size) lines.push(text.slice(at, at + size));

      expect(found).toEqual([
        ["a", "x\ny", "1"],
        ["reset", "", null],
      ]);
    }
  });
});
