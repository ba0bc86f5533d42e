/**
 * The page of `manent run --demo`: a chat, and buttons that reload the page, open a second tab and kill the server.
 *
 * After each of them, it checks that all messages are still there. The server decides whether a browser may kill it.
 */

import { createChat, readSettings, type PageSettings } from "./hosted";

const KEY = "manent-demo";
const POLL_MS = 250;
const PATIENCE_MS = 60_000;

const element = <T extends HTMLElement>(id: string): T => document.getElementById(id) as T;
const status = element("status");
const reload = element<HTMLButtonElement>("reload");
const kill = element<HTMLButtonElement>("kill");

const say = (text: string): void => void (status.textContent = text);
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

function counted(count: number): string {
  return count === 1 ? "The message is" : `All ${count} messages are`;
}

async function show(): Promise<void> {
  const settings = await readSettings(import.meta.url);
  const chat = createChat(settings);
  const ids = (): string[] => chat.messages.map(({ id }) => id);

  /** Describe whether the conversation contains all messages that it contained before. */
  const verdict = (before: readonly string[]): string => {
    const now = new Set(ids());
    const missing = before.filter((id) => !now.has(id)).length;
    if (missing > 0) return `${missing} of ${before.length} messages are missing.`;
    if (before.length === 0) return "Write a message first, then you can see that it stays.";
    return `${counted(before.length)} still here.`;
  };

  chat.addEventListener(
    "manent-session",
    () => {
      const stored = sessionStorage.getItem(KEY);
      sessionStorage.removeItem(KEY);
      if (stored !== null) say(`The page was reloaded. ${verdict(JSON.parse(stored) as string[])}`);
    },
    { once: true },
  );
  reload.addEventListener("click", () => {
    sessionStorage.setItem(KEY, JSON.stringify(ids()));
    location.reload();
  });
  kill.addEventListener("click", () => void killServer(settings, chat, ids, verdict));
  if (settings.demo?.kill === true) element("process").textContent = `process ${settings.demo.pid}`;
  else {
    kill.hidden = true;
    element("kill-note").textContent =
      "Stop it in its terminal with Ctrl-C or with kill -9, and start it again. Only a browser on the same computer gets a button for this.";
  }
  document.querySelector("#chat")?.replaceChildren(chat);
  if (matchMedia("(pointer: fine)").matches) chat.focus();
}

async function killServer(
  settings: PageSettings,
  chat: HTMLElement,
  ids: () => string[],
  verdict: (before: readonly string[]) => string,
): Promise<void> {
  const before = ids();
  kill.disabled = true;
  try {
    const online = new Promise<void>((resolve) => {
      const changed = (event: Event): void => {
        if ((event as CustomEvent<{ status: string }>).detail.status !== "online") return;
        chat.removeEventListener("manent-status", changed);
        resolve();
      };
      chat.addEventListener("manent-status", changed);
    });
    const answer = await fetch("demo/kill", { method: "POST" });
    if (!answer.ok) {
      say("The server refused to be killed. Only a browser on the same computer may do this.");
      return;
    }
    const killed = ((await answer.json()) as { pid: number }).pid;
    const start = performance.now();
    say(`Process ${killed} was killed. You can keep writing: your messages wait in this browser.`);
    for (;;) {
      await pause(POLL_MS);
      const { demo } = await readSettings(import.meta.url);
      if (demo !== undefined && demo.pid !== killed) {
        const seconds = ((performance.now() - start) / 1000).toFixed(1);
        await online;
        say(`Process ${demo.pid} took over after ${seconds} seconds. ${verdict(before)}`);
        element("process").textContent = `process ${demo.pid}`;
        return;
      }
      if (performance.now() - start > PATIENCE_MS) {
        say("The server does not come back. Look at its output in the terminal.");
        return;
      }
    }
  } catch {
    say("The server cannot be reached.");
  } finally {
    kill.disabled = settings.demo?.kill !== true;
  }
}

void show();
