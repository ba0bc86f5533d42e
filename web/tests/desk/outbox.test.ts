import { beforeEach, describe, expect, it } from "vitest";

import { Rejected, Unreachable } from "../../src/desk/api";
import { DeskOutbox, type Entry } from "../../src/desk/outbox";
import { FakeClock, settle, SharedStorage } from "../client/world";

let clock: FakeClock;
let storage: SharedStorage;
let sent: string[];
let events: string[];
let answer: (entry: Entry) => Promise<unknown>;

const make = (): DeskOutbox => {
  const outbox = new DeskOutbox(
    storage.tab(),
    "desk",
    clock,
    {
      send: (entry) => {
        sent.push(entry.id);
        return answer(entry);
      },
      confirmed: (entry) => events.push(`confirmed ${entry.id}`),
      rejected: (entry) => events.push(`rejected ${entry.id}`),
      changed: () => undefined,
    },
    () => 1,
  );
  outbox.open("me");
  return outbox;
};
const entry = (id: string, request = "say", sender_id = "v"): Entry => ({
  id,
  sender_id,
  request,
  body: { text: id, message_id: id },
  made: Number(id.slice(1)),
  state: "sending",
});

beforeEach(() => {
  clock = new FakeClock();
  storage = new SharedStorage();
  sent = [];
  events = [];
  answer = async () => ({ ok: true });
});

describe("the outbox of the desk", () => {
  it("sends the entries of one conversation in order, one at a time", async () => {
    const releases = new Map<string, (value: unknown) => void>();
    answer = ({ id }) => new Promise((resolve) => releases.set(id, resolve));
    const outbox = make();
    outbox.add(entry("m1", "take"));
    outbox.add(entry("m2"));
    outbox.add(entry("m3", "say", "w"));
    await settle();
    expect(sent).toEqual(["m1", "m3"]);
    releases.get("m1")!({});
    await settle();
    expect(sent).toEqual(["m1", "m3", "m2"]);
  });

  it("repeats what the server has not answered, with the same id, until it does", async () => {
    let up = false;
    answer = async () => {
      if (!up) throw new Unreachable("down");
      return {};
    };
    const outbox = make();
    outbox.add(entry("m1"));
    await clock.elapse(5_000);
    expect(new Set(sent)).toEqual(new Set(["m1"]));
    expect(sent.length).toBeGreaterThan(2);

    up = true;
    await clock.elapse(20_000);
    expect(events).toEqual(["confirmed m1"]);
    expect(outbox.of("v")[0]!.state).toBe("sent");
  });

  it("keeps messages over a reload, but no clicks", async () => {
    answer = async () => {
      throw new Unreachable("down");
    };
    const before = make();
    before.add(entry("m1", "take"));
    before.add(entry("m2"));
    before.stop();

    expect(
      make()
        .of("v")
        .map(({ id }) => id),
    ).toEqual(["m2"]);
  });

  it("shows a rejected message until the operator decides, and goes on with the next", async () => {
    answer = async ({ id }) => {
      if (id === "m1") throw new Rejected(413, "too_long", "too long", null, {});
      return {};
    };
    const outbox = make();
    outbox.add(entry("m1"));
    outbox.add(entry("m2"));
    await settle();
    expect(events).toEqual(["rejected m1", "confirmed m2"]);
    expect(outbox.of("v")[0]).toMatchObject({ id: "m1", state: "failed", error: "too long" });

    answer = async () => ({});
    outbox.retry("m1");
    await settle();
    expect(events.at(-1)).toBe("confirmed m1");
    expect(outbox.discard("m1")!.id).toBe("m1");
    expect(storage.values.size).toBe(0);
  });

  it("keeps the order over a reload, also if the clock was set back between two messages", () => {
    answer = async () => {
      throw new Unreachable("down");
    };
    const before = make();
    before.add(entry("m5"));
    before.add(entry("m1"));
    before.stop();

    expect(
      make()
        .of("v")
        .map(({ id }) => id),
    ).toEqual(["m5", "m1"]);
  });

  it("drops a rejected click", async () => {
    answer = async () => {
      throw new Rejected(409, "handler_conflict", "Ada handles the conversation", null, {});
    };
    const outbox = make();
    outbox.add(entry("m1", "take"));
    await settle();

    expect(outbox.of("v")).toEqual([]);
  });

  it("ignores entries that are damaged", () => {
    storage.values.set("desk:outbox:me:x", "{");
    storage.values.set("desk:outbox:me:y", '"text"');

    expect(make().of("v")).toEqual([]);
  });
});
