import { expect, it } from "vitest";

import { SharedStorage } from "../client/world";
import { EMPTY, type ChatState } from "../../src/state/state";
import { Thumbs } from "../../src/ui/thumbs";

const conversation = (epoch: string): ChatState => ({ ...EMPTY, session_id: "a b", epoch });

it("keeps the ratings of one conversation across a reload", () => {
  const store = new SharedStorage().tab();
  const thumbs = new Thumbs(store, "scope");
  thumbs.set(conversation("1"), 7, "up");
  thumbs.set(conversation("1"), 9, "down");
  thumbs.set(conversation("1"), 7, null);

  expect(thumbs.get(conversation("1"), 9)).toBe("down");
  const reloaded = new Thumbs(store, "scope");
  expect(reloaded.get(conversation("1"), 9)).toBe("down");
  expect(reloaded.get(conversation("1"), 7)).toBeNull();
  expect(reloaded.get(conversation("2"), 9)).toBeNull();
});

it("keeps only the newest ratings", () => {
  const store = new SharedStorage().tab();
  const thumbs = new Thumbs(store, "scope");
  for (let seq = 1; seq <= 250; seq += 1) thumbs.set(conversation("1"), seq, "up");

  const reloaded = new Thumbs(store, "scope");
  expect(reloaded.get(conversation("1"), 50)).toBeNull();
  expect(reloaded.get(conversation("1"), 51)).toBe("up");
});
