/**
 * The page for site owners at `/webchat/studio`: the options, a live preview, and the code to copy.
 *
 * Served with `--enable-api` only. The table below contains the options. Must not import the chat, because the preview
 * loads it as any site does.
 */

import { LANGUAGES } from "../ui/i18n/languages";

void import(/* @vite-ignore */ new URL("manent-chat.js", import.meta.url).href);

type Option =
  | { name: string; label: string; kind: "text"; placeholder?: string }
  | { name: string; label: string; kind: "number" }
  | { name: string; label: string; kind: "choice"; choices: readonly string[] }
  | { name: string; label: string; kind: "flag" }
  | { name: string; label: string; kind: "colour"; start: string };

const GROUPS: readonly { legend: string; options: readonly Option[] }[] = [
  {
    legend: "Texts",
    options: [
      { name: "heading", label: "Heading", kind: "text", placeholder: "Manent" },
      { name: "subheading", label: "Subheading", kind: "text" },
      { name: "placeholder", label: "Text field placeholder", kind: "text" },
      { name: "lang", label: "Language", kind: "choice", choices: ["", ...LANGUAGES] },
      { name: "initial-payload", label: "First message", kind: "text", placeholder: "/greet" },
    ],
  },
  {
    legend: "Appearance",
    options: [
      { name: "layout", label: "Layout", kind: "choice", choices: ["launcher", "fill"] },
      { name: "position", label: "Side", kind: "choice", choices: ["right", "left"] },
      { name: "theme", label: "Colour scheme", kind: "choice", choices: ["auto", "light", "dark"] },
      { name: "--manent-accent", label: "Accent colour", kind: "colour", start: "#2c3e91" },
      { name: "--manent-on-accent", label: "Text on accent colour", kind: "colour", start: "#ffffff" },
      { name: "--manent-background", label: "Background colour", kind: "colour", start: "#fcfcfa" },
      { name: "--manent-radius", label: "Corner radius", kind: "text", placeholder: "14px" },
      { name: "avatar", label: "Assistant image", kind: "text", placeholder: "https://…" },
      { name: "launcher-icon", label: "Button image", kind: "text", placeholder: "https://…" },
    ],
  },
  {
    legend: "Behaviour",
    options: [
      { name: "storage", label: "Storage", kind: "choice", choices: ["local", "session", "none"] },
      { name: "message-delay", label: "Delay between messages (ms)", kind: "number" },
      { name: "voice", label: "Dictation and reading aloud", kind: "flag" },
      { name: "conversations", label: "List earlier conversations", kind: "flag" },
      { name: "feedback", label: "Thumbs below replies", kind: "flag" },
      { name: "teaser", label: "Teaser beside the button", kind: "text", placeholder: "Can I help you?" },
      { name: "hide", label: "Hidden menu entries", kind: "text", placeholder: "new download erase sound" },
    ],
  },
];

const chosen = new Map<string, string>();
const preview = document.querySelector("#preview")!;
const code = document.querySelector("#code")!;

function field(option: Option): HTMLElement {
  const label = document.createElement("label");
  label.append(option.label);
  let input: HTMLInputElement | HTMLSelectElement;
  if (option.kind === "choice") {
    input = document.createElement("select");
    for (const choice of option.choices)
      input.append(new Option(choice === "" ? "same as the page" : choice, choice));
  } else {
    input = document.createElement("input");
    input.type = { text: "text", number: "number", flag: "checkbox", colour: "color" }[option.kind];
    if (option.kind === "colour") input.value = option.start;
    if (option.kind === "text") input.placeholder = option.placeholder ?? "";
  }
  const first = option.kind === "choice" ? option.choices[0]! : option.kind === "colour" ? option.start : "";
  input.addEventListener("input", () => {
    const value =
      input instanceof HTMLInputElement && input.type === "checkbox"
        ? input.checked
          ? "on"
          : ""
        : input.value;
    if (value === first) chosen.delete(option.name);
    else chosen.set(option.name, value);
    draw();
  });
  label.append(input);
  return label;
}

function attributes(): [string, string][] {
  return [...chosen]
    .filter(([name]) => !name.startsWith("--"))
    .map(([name, value]) => [name, value === "on" ? "" : value]);
}

function properties(): [string, string][] {
  return [...chosen].filter(([name]) => name.startsWith("--"));
}

function escaped(value: string): string {
  return value.replaceAll("&", "&amp;").replaceAll('"', "&quot;").replaceAll("<", "&lt;");
}

function embedCode(): string {
  const script = new URL("manent-chat.js", import.meta.url).href;
  const written = attributes().map(([name, value]) =>
    value === "" ? ` ${name}` : ` ${name}="${escaped(value)}"`,
  );
  const style = properties().map(([name, value]) => `  ${name}: ${value};`);
  return [
    `<script type="module" src="${script}"></script>`,
    `<manent-chat${written.join("")}></manent-chat>`,
    ...(style.length > 0 ? ["<style>", "manent-chat {", ...style, "}", "</style>"] : []),
  ].join("\n");
}

let drawn = "";

function draw(): void {
  code.textContent = embedCode();
  const key = JSON.stringify(attributes());
  let chat = preview.querySelector("manent-chat");
  if (chat === null || key !== drawn) {
    drawn = key;
    chat = document.createElement("manent-chat");
    for (const [name, value] of attributes()) chat.setAttribute(name, value);
    if (chat.getAttribute("layout") !== "fill") chat.setAttribute("open", "");
    preview.replaceChildren(chat);
  }
  for (const { options } of GROUPS) {
    for (const { name } of options) {
      if (!name.startsWith("--")) continue;
      const value = chosen.get(name);
      if (value === undefined) chat.style.removeProperty(name);
      else chat.style.setProperty(name, value);
    }
  }
}

for (const { legend, options } of GROUPS) {
  const set = document.createElement("fieldset");
  const title = document.createElement("legend");
  title.textContent = legend;
  set.append(title, ...options.map(field));
  document.querySelector("#options")!.append(set);
}
document.querySelector("#copy")!.addEventListener("click", () => {
  void navigator.clipboard.writeText(embedCode()).then(() => {
    document.querySelector("#copied")!.textContent = "Copied.";
  });
});

draw();
