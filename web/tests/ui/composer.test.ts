// @vitest-environment happy-dom
import { render } from "lit-html";
import { expect, it } from "vitest";

import { Composer } from "../../src/ui/composer";
import { en } from "../../src/ui/i18n/en";
import { SharedStorage } from "../client/world";

type Heard = { results: { transcript: string }[][] };

/** Speech recognition that hears what the test says. */
class Recognition {
  static running: Recognition;
  onresult: (event: Heard) => void = () => undefined;
  onend: () => void = () => undefined;
  start(): void {
    Recognition.running = this;
  }
  stop(): void {}
  hears(words: string): void {
    this.onresult({ results: [[{ transcript: words }]] });
  }
}

it("does not bring back a dictated text that the visitor has sent before the dictation ended", () => {
  Object.assign(window, { SpeechRecognition: Recognition });
  const root = document.createElement("div");
  const sent: string[] = [];
  const composer = new Composer(
    root,
    (text) => sent.push(text) > 0,
    () => draw(),
    () => undefined,
    new SharedStorage().tab(),
    "draft",
  );
  const draw = (): void =>
    render(
      composer.view({ words: en, placeholder: "", voice: true, language: "en", files: null }),
      root,
    ) as unknown as void;
  const dictate = (): void => root.querySelector<HTMLElement>(".dictate")!.click();
  draw();
  dictate();
  const first = Recognition.running;
  first.hears("hello");
  root.querySelector("form")!.dispatchEvent(new Event("submit", { cancelable: true }));
  first.hears("hello there"); // the final result
  expect([sent, composer.isEmpty]).toEqual([["hello"], true]);

  dictate();
  first.onend(); // late
  Recognition.running.hears("again");
  expect(root.querySelector("textarea")!.value).toBe("again");
});
