import { expect, it } from "vitest";

import { contents } from "../../src/state/content";
import { chosenValue, dateTitle } from "../../src/ui/views/picker";

const picker = (custom: object) => {
  const [piece] = contents({ custom: custom as never });
  if (piece?.kind !== "picker") throw new Error("no picker");
  return piece;
};

it("is read from custom JSON of the types date, time and datetime", () => {
  expect(picker({ type: "date", text: "When?", min: "2026-12-01" })).toEqual({
    kind: "picker",
    input: "date",
    text: "When?",
    label: "",
    min: "2026-12-01",
    max: "",
    value: "",
    payload: "{}",
  });
  expect(picker({ type: "datetime" }).input).toBe("datetime-local");
  expect(picker({ type: "time", payload: '/at{"time": "{}"}' }).payload).toBe('/at{"time": "{}"}');
});

it("knows from the sent message what was chosen", () => {
  expect(chosenValue(picker({ type: "date" }), "2026-12-01")).toBe("2026-12-01");
  expect(chosenValue(picker({ type: "date" }), "tomorrow")).toBeNull();
  expect(chosenValue(picker({ type: "date" }), null)).toBeNull();
  const payload = '/from{"day": "{}", "again": "{}"}';
  const sent = '/from{"day": "2026-12-01", "again": "2026-12-01"}';
  expect(chosenValue(picker({ type: "date", payload }), sent)).toBe("2026-12-01");
  expect(chosenValue(picker({ type: "date", payload }), "2026-12-01")).toBeNull();
});

it("shows what was chosen in the visitor's format", () => {
  expect(dateTitle("2026-12-01", "en-GB")).toMatch(/^Tuesday,? 1 December 2026$/);
  expect(dateTitle("2026-12-01", "de")).toBe("Dienstag, 1. Dezember 2026");
  expect(dateTitle("14:30", "de")).toBe("14:30");
  expect(dateTitle("2026-12-01T14:30", "de")).toContain("14:30");
  expect(dateTitle("now", "de")).toBe("now");
});
