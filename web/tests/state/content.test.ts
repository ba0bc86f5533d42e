import { describe, expect, it } from "vitest";

import type { JsonObject } from "../../src/client/wire";
import { contents, plainWords } from "../../src/state/content";

const UNSPOKEN = { picture: "Picture", unknown: "More data" };
const kinds = (body: JsonObject): string[] => contents(body).map((piece) => piece.kind);

describe("what a bot message shows", () => {
  it("reads Rasa's text with quick replies; empty ones are none", () => {
    expect(
      contents({ text: "Hi", quick_replies: [{ content_type: "text", title: "Yes", payload: "/yes" }] }),
    ).toEqual([
      { kind: "text", text: "Hi" },
      { kind: "buttons", buttons: [{ title: "Yes", payload: "/yes", url: null }] },
    ]);
    expect(kinds({ text: "Hi", quick_replies: [] })).toEqual(["text"]);
  });

  it.each([
    [{ attachment: { type: "image", payload: { src: "/a.png", title: "A" } } }, "image"],
    [{ image: "/a.png" }, "image"],
    [{ attachment: { type: "video", payload: { src: "/a.mp4" } } }, "video"],
    [{ attachment: { type: "audio", payload: { src: "/a.ogg" } } }, "audio"],
    [{ custom: { type: "video", payload: { video_url: "/a.mp4", title: "A" } } }, "video"],
    [{ custom: { type: "file_download", file_url: "/a.pdf", file_name: "a.pdf" } }, "file"],
    [{ custom: { type: "accordion", elements: [{ title: "Q", text: "A" }] } }, "accordion"],
    [{ custom: { type: "rating", text: "?", options: [{ value: "1", payload: "/one" }] } }, "rating"],
    [{ custom: { type: "csat", question: "?", options: [{ value: "1" }] } }, "rating"],
    [{ custom: { type: "carousel", elements: [{ text: "A", image_url: "/a.png" }] } }, "cards"],
    [{ custom: { anything: [1, 2] } }, "custom"],
    [{ custom: "a string" }, "custom"],
    [{ custom: 0 }, "custom"],
    [{ type: "accordion", elements: [{ title: "Q", text: "A" }] }, "accordion"],
    [{ weather: 21 }, "custom"],
  ])("%j shows as %s", (body, kind) => {
    expect(kinds(body as JsonObject)).toContain(kind);
  });

  it("takes one element or a list of them", () => {
    const element = {
      title: "Room",
      subtitle: "Two beds",
      image_url: "/r.png",
      buttons: [{ title: "Take", payload: "/take" }],
    };
    const template = (elements: unknown) =>
      contents({
        attachment: { type: "template", payload: { template_type: "generic", elements } },
      } as JsonObject);

    expect(template(element)).toEqual(template([element]));
    expect(template(element)[0]).toMatchObject({
      kind: "cards",
      cards: [{ title: "Room", image: "/r.png" }],
    });
  });

  it("survives half-filled and wrong shapes", () => {
    const odd = [
      {},
      { text: 5 },
      { text: null },
      { quick_replies: "x" },
      { quick_replies: [null, 1, {}] },
      { attachment: null },
      { attachment: { type: "image" } },
      { attachment: { type: "template", payload: {} } },
      { attachment: [1] },
      { custom: null },
      { custom: { type: "accordion" } },
      { custom: { type: 7 } },
      { elements: 3 },
      { buttons: { title: "one" } },
    ];
    for (const body of odd) expect(() => plainWords(contents(body as JsonObject), UNSPOKEN)).not.toThrow();
  });

  it("gives a button without a payload its title to say, and a link only its address", () => {
    expect(contents({ buttons: [{ title: "Hello" }, { title: "Site", url: "https://a.example" }] })).toEqual([
      {
        kind: "buttons",
        buttons: [
          { title: "Hello", payload: "Hello", url: null },
          { title: "Site", payload: null, url: "https://a.example" },
        ],
      },
    ]);
  });

  it("has words for those who listen", () => {
    expect(
      plainWords(
        contents({
          text: "Choose",
          quick_replies: [
            { title: "A", payload: "/a" },
            { title: "B", payload: "/b" },
          ],
        }),
        UNSPOKEN,
      ),
    ).toBe("Choose\nA, B");
  });

  it.each<[JsonObject, string]>([
    [{ text: "**Bold** and [our site](https://a.example)" }, "Bold and our site"],
    [
      { text: "# Steps\n\n1. *one*\n2. `two`\n   - three\n\n> said\n\n---" },
      "Steps\n1. one\n2. two\n- three\nsaid",
    ],
    [{ image: "https://a.example/a.png" }, "Picture"],
    [{ text: "Look", image: "https://a.example/a.png" }, "Look\nPicture"],
    [{ attachment: { type: "image", payload: { src: "/a.png", alt: "Our house" } } }, "Our house"],
    [{ attachment: { type: "video", payload: { src: "/a.mp4" } } }, "More data"],
    [{ custom: { type: "weather", rain: true } }, "More data"],
    [{ elements: [] }, "More data"],
    [{}, "More data"],
  ])("reads %j to those who listen, without marks and never as nothing", (body, words) => {
    expect(plainWords(contents(body), UNSPOKEN)).toBe(words);
  });
});

it("sends the title of a button with an empty payload, and makes a link of one with an address", () => {
  const buttons = [
    { title: "Say it", payload: "" },
    { title: "Map", payload: "", url: "https://x/" },
    { title: "Form", payload: { a: 1 } },
  ];
  expect(contents({ text: "?", quick_replies: buttons })[1]).toEqual({
    kind: "buttons",
    buttons: [
      { title: "Say it", payload: "Say it", url: null },
      { title: "Map", payload: null, url: "https://x/" },
      { title: "Form", payload: '{"a":1}', url: null },
    ],
  });
});

it("does not use the end of an address as the text of a picture", () => {
  expect(contents({ image: "https://pictures.example/640/400" })).toEqual([
    { kind: "image", src: "https://pictures.example/640/400", alt: "" },
  ]);
});
