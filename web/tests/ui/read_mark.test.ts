import { expect, it } from "vitest";

import { EMPTY } from "../../src/state/state";
import { ReadMark } from "../../src/ui/read_mark";
import { SharedStorage } from "../client/world";

it("remembers how far a conversation is read, for all tabs, and never goes back", () => {
  const storage = new SharedStorage();
  const [one, other] = [new ReadMark(storage.tab(), "scope"), new ReadMark(storage.tab(), "scope")];
  const state = { ...EMPTY, session_id: "s", epoch: "e", read: 7 };
  expect(other.get(state)).toBeNull();
  one.set(state);
  other.set({ ...state, read: 3 });

  expect(other.get(state)).toBe(7);
  expect(other.get({ ...state, epoch: "after an erase" })).toBeNull();
  expect(other.get({ ...state, session_id: "another" })).toBeNull();
});
