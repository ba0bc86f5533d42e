/**
 * The page for site owners at `/webchat/studio`: the options, a live preview, and the code to copy.
 *
 * Served with `--enable-api` only. The table below contains the options. Must not import the chat, because the preview
 * loads it as any site does.
 */

import { LANGUAGES, TONES } from "../ui/i18n/languages";

void import(/* @vite-ignore */ new URL("manent-chat.js", import.meta.url).href);

/** Attributes from `web_chat` in the server's `credentials.yml`: the starting values of the options. */
const site = await readSite();

/** Custom properties in the attribute `colors` of the site. */
const siteStyle = new Map<string, string>(
  (site["colors"] ?? "").split(";").flatMap((part) => {
    const [name, value] = part.split(":");
    return value === undefined ? [] : [[`--manent-${name}`, value] as const];
  }),
);

async function readSite(): Promise<Record<string, string>> {
  try {
    const answer = await fetch(new URL(/* @vite-ignore */ "config.json", import.meta.url));
    return ((await answer.json()) as { site?: Record<string, string> }).site ?? {};
  } catch {
    return {}; // without a connection, the options start with the defaults
  }
}

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
      { name: "greeting", label: "Greeting", kind: "text" },
      { name: "suggestions", label: "Suggestions", kind: "text", placeholder: "Hours|Prices" },
      { name: "lang", label: "Language", kind: "choice", choices: ["", ...LANGUAGES] },
      { name: "tone", label: "Tone", kind: "choice", choices: ["", ...TONES] },
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
      { name: "storage-key", label: "Storage key", kind: "text", placeholder: "sales" },
      { name: "storage", label: "Storage", kind: "choice", choices: ["local", "session", "none"] },
      { name: "message-delay", label: "Delay between messages (ms)", kind: "number" },
      { name: "voice", label: "Dictation and reading aloud", kind: "flag" },
      { name: "conversations", label: "List earlier conversations", kind: "flag" },
      { name: "hide", label: "Hidden menu entries", kind: "text", placeholder: "new download erase sound" },
    ],
  },
];

const chosen = new Map<string, string>();
const preview = document.querySelector("#preview")!;
const code = document.querySelector("#code")!;

/** Return the value that an option has if the page sets nothing. */
function initial(option: Option): string {
  const found = site[option.name] ?? siteStyle.get(option.name);
  if (found !== undefined) return found;
  return option.kind === "choice" ? option.choices[0]! : option.kind === "colour" ? option.start : "";
}

function field(option: Option): HTMLElement {
  const label = document.createElement("label");
  label.append(option.label);
  let input: HTMLInputElement | HTMLSelectElement;
  if (option.kind === "choice") {
    input = document.createElement("select");
    for (const choice of option.choices)
      input.append(new Option(choice === "" ? "automatic" : choice, choice));
    const known = [...input.options].some(({ value }) => value === initial(option));
    if (!known) input.append(new Option(initial(option))); // several languages
    input.value = initial(option);
  } else {
    input = document.createElement("input");
    input.type = { text: "text", number: "number", flag: "checkbox", colour: "color" }[option.kind];
    if (option.kind === "colour") input.value = initial(option);
    if (option.kind === "text") input.placeholder = initial(option) || (option.placeholder ?? "");
  }
  const first = option.kind === "text" ? "" : initial(option);
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
      const value = chosen.get(name) ?? siteStyle.get(name);
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
