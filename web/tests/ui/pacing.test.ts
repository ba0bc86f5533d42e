import { expect, it } from "vitest";

import type { ClientEvent } from "../../src/client/events";
import { Pacing } from "../../src/ui/pacing";
import { FakeClock } from "../client/world";

function message(role: "bot" | "user", seq: number): ClientEvent {
  const numbers = { seq, id: `${seq}.0`, parts: 1, prev: 0, timestamp: 0 };
  return role === "bot"
    ? { type: "message", message: { ...numbers, role, body: { text: `${seq}` } } }
    : { type: "message", message: { ...numbers, role, message: `${seq}`, message_id: `${seq}` } };
}

function shown(events: ClientEvent[]): number[] {
  return events.flatMap((event) => (event.type === "message" ? [event.message.seq] : []));
}

it("shows the first message at once and the others after a pause each", async () => {
  const clock = new FakeClock();
  const events: ClientEvent[] = [];
  const pacing = new Pacing(clock, (event) => events.push(event));
  for (const seq of [1, 2, 3]) pacing.take(message("bot", seq), 500);
  expect(shown(events)).toEqual([1]);

  await clock.elapse(500);
  expect(shown(events)).toEqual([1, 2]);
  await clock.elapse(500);
  expect(shown(events)).toEqual([1, 2, 3]);
  expect(events.at(-2)).toEqual({ type: "typing", on: false });
});

it("lets everything through when the visitor speaks, in order", () => {
  const events: ClientEvent[] = [];
  const pacing = new Pacing(new FakeClock(), (event) => events.push(event));
  for (const seq of [1, 2]) pacing.take(message("bot", seq), 500);
  pacing.take(message("user", 3), 500);

  expect(shown(events)).toEqual([1, 2, 3]);
});

it("delays nothing when no pause is wanted", () => {
  const events: ClientEvent[] = [];
  const pacing = new Pacing(new FakeClock(), (event) => events.push(event));
  for (const seq of [1, 2]) pacing.take(message("bot", seq), 0);

  expect(shown(events)).toEqual([1, 2]);
});

it("forgets what waits when the visitor signs out, so that the next one does not see it", async () => {
  const clock = new FakeClock();
  const events: ClientEvent[] = [];
  const pacing = new Pacing(clock, (event) => events.push(event));
  for (const seq of [1, 2]) pacing.take(message("bot", seq), 500);
  pacing.take({ type: "left" }, 500);
  await clock.elapse(2_000);

  expect(shown(events)).toEqual([1]);
});

it("no longer shows that the assistant types once everything is let through", () => {
  const events: ClientEvent[] = [];
  const pacing = new Pacing(new FakeClock(), (event) => events.push(event));
  for (const seq of [1, 2]) pacing.take(message("bot", seq), 500);
  pacing.take(message("user", 3), 500);

  const typing = events.filter((event) => event.type === "typing");
  expect(typing.at(-1)).toEqual({ type: "typing", on: false });
});
