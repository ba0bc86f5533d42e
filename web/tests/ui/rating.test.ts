// @vitest-environment happy-dom
import { render } from "lit-html";
import { expect, it } from "vitest";

import { en } from "../../src/ui/i18n/en";
import { Rating } from "../../src/ui/rating";
import { SharedStorage } from "../client/world";

it("sends a rating once, also after a double click", async () => {
  const sent: number[] = [];
  const answers: ((isSent: boolean) => void)[] = [];
  const states: string[] = [];
  const root = document.createElement("div");
  const rating = new Rating(
    new SharedStorage().tab(),
    "chat",
    (score) => {
      sent.push(score);
      return new Promise((resolve) => answers.push(resolve));
    },
    (state) => states.push(state),
    () => draw(),
  );
  const draw = (): void => void render(rating.view("asked", en), root);
  const submit = (): boolean => root.querySelector("form")!.dispatchEvent(new Event("submit"));
  rating.ask("s");
  draw();
  root.querySelectorAll("input")[3]!.dispatchEvent(new Event("change"));
  submit();
  submit();
  expect(sent).toEqual([4]);

  answers[0]!(false); // the visitor can try again
  await Promise.resolve();
  submit();
  expect(sent).toEqual([4, 4]);
  answers[1]!(true);
  await Promise.resolve();
  expect(states).toEqual(["sent"]);
});
