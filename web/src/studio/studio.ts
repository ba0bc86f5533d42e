/**
 * The page for site owners at `/webchat/studio`: every option beside a live preview, and the code to copy.
 *
 * Served with `--enable-api` only. Talks to the server it came from, like any embedded chat. Knows the options from the
 * table below only.
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
    legend: "Words",
    options: [
      { name: "heading", label: "Heading", kind: "text", placeholder: "Manent" },
      { name: "subheading", label: "Line below", kind: "text" },
      { name: "placeholder", label: "In the text field", kind: "text" },
      { name: "lang", label: "Language", kind: "choice", choices: ["", ...LANGUAGES] },
      { name: "initial-payload", label: "Said at first", kind: "text", placeholder: "/greet" },
    ],
  },
  {
    legend: "Look",
    options: [
      { name: "layout", label: "Layout", kind: "choice", choices: ["launcher", "fill"] },
      { name: "position", label: "Side", kind: "choice", choices: ["right", "left"] },
      { name: "theme", label: "Scheme", kind: "choice", choices: ["auto", "light", "dark"] },
      { name: "--manent-accent", label: "Accent", kind: "colour", start: "#2c3e91" },
      { name: "--manent-on-accent", label: "On the accent", kind: "colour", start: "#ffffff" },
      { name: "--manent-background", label: "Ground", kind: "colour", start: "#fcfcfa" },
      { name: "--manent-radius", label: "Corners", kind: "text", placeholder: "14px" },
      { name: "avatar", label: "Picture", kind: "text", placeholder: "https://…" },
      { name: "launcher-icon", label: "On the button", kind: "text", placeholder: "https://…" },
    ],
  },
  {
    legend: "Behaviour",
    options: [
      { name: "storage", label: "Remember", kind: "choice", choices: ["local", "session", "none"] },
      { name: "message-delay", label: "Pause (ms)", kind: "number" },
      { name: "voice", label: "Speech", kind: "flag" },
      { name: "conversations", label: "Past conversations", kind: "flag" },
      { name: "hide", label: "Hide from the menu", kind: "text", placeholder: "new download erase sound" },
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
      input.append(new Option(choice === "" ? "as the page" : choice, choice));
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
  const given = attributes().map(([name, value]) =>
    value === "" ? ` ${name}` : ` ${name}="${escaped(value)}"`,
  );
  const style = properties().map(([name, value]) => `  ${name}: ${value};`);
  return [
    `<script type="module" src="${script}"></script>`,
    `<manent-chat${given.join("")}></manent-chat>`,
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
    document.querySelector("#copied")!.textContent = "Copied";
  });
});

draw();
