/**
 * Sound, speech, the clipboard, notifications and the page's title, through the browser's own APIs.
 *
 * Called by `attention.ts`, `composer.ts`, `menu.ts` and `views/code.ts`. Must not check preferences, because the callers do.
 */

/** Play a short, quiet tone. It is synthesized, so there is no file to load. */
export function chime(): void {
  const context = new AudioContext();
  const tone = context.createOscillator();
  const loudness = context.createGain();
  tone.frequency.setValueAtTime(659, context.currentTime);
  tone.frequency.setValueAtTime(880, context.currentTime + 0.09);
  loudness.gain.setValueAtTime(0.06, context.currentTime);
  loudness.gain.exponentialRampToValueAtTime(0.0001, context.currentTime + 0.35);
  tone.connect(loudness).connect(context.destination);
  tone.start();
  tone.stop(context.currentTime + 0.4);
  tone.onended = () => void context.close();
}

/** Copy a text. Without HTTPS, browsers do not offer the clipboard; then copy from a text field beside `near`. */
export async function copyText(text: string, near: HTMLElement): Promise<void> {
  if (navigator.clipboard !== undefined) return navigator.clipboard.writeText(text);
  const field = document.createElement("textarea");
  field.value = text;
  field.className = "sr";
  near.after(field);
  field.select();
  document.execCommand("copy");
  field.remove();
  near.focus();
}

export const canSpeak = (): boolean => "speechSynthesis" in window;

export function speak(text: string, language: string): void {
  const utterance = new SpeechSynthesisUtterance(text);
  utterance.lang = language;
  speechSynthesis.speak(utterance);
}

export function hush(): void {
  if (canSpeak()) speechSynthesis.cancel();
}

/** The part of the Web Speech API that the chat uses, which TypeScript's library does not contain. */
interface Recognition {
  lang: string;
  interimResults: boolean;
  onresult: ((event: { results: ArrayLike<ArrayLike<{ transcript: string }>> }) => void) | null;
  onend: (() => void) | null;
  onerror: ((event: { error: string }) => void) | null;
  start(): void;
  stop(): void;
}

function recognitionClass(): (new () => Recognition) | null {
  const found = window as unknown as Record<string, unknown>;
  return (found["SpeechRecognition"] ?? found["webkitSpeechRecognition"] ?? null) as
    (new () => Recognition) | null;
}

export const canListen = (): boolean => recognitionClass() !== null;

/**
 * Listen until the visitor pauses. `heard` receives all words so far. `denied` is called if the microphone is not
 * allowed. Returns a function that stops listening.
 */
export function listen(
  language: string,
  heard: (words: string) => void,
  ended: () => void,
  denied: () => void,
): () => void {
  const Recognizer = recognitionClass();
  if (Recognizer === null) {
    ended();
    return () => undefined;
  }
  const recognition = new Recognizer();
  recognition.lang = language;
  recognition.interimResults = true;
  recognition.onresult = (event) => {
    heard(Array.from(event.results, (result) => result[0]?.transcript ?? "").join(" "));
  };
  recognition.onend = ended;
  recognition.onerror = ({ error }) => {
    if (/not-allowed|audio-capture/.test(error)) denied();
  };
  recognition.start();
  return () => recognition.stop();
}

export const canNotify = (): boolean => "Notification" in window;

/** Ask the visitor for permission. The browser stores the answer. */
export async function mayNotify(): Promise<boolean> {
  return (await Notification.requestPermission()) === "granted";
}

/** Show a notification. A click focuses the page and calls `clicked`. */
export function notify(title: string, text: string, clicked: () => void): void {
  if (Notification.permission !== "granted") return;
  try {
    const shown = new Notification(title, { body: text.slice(0, 200), tag: "manent" });
    shown.onclick = () => {
      window.focus();
      clicked();
      shown.close();
    };
  } catch {
    // Some mobile browsers have this class but allow it only in service workers.
  }
}

/** Shows the number of unread messages in the page's title while the page is hidden, and restores it afterwards. */
export class TitleCount {
  private original: string | null = null;

  show(count: number): void {
    if (count > 0 && document.visibilityState === "hidden") {
      this.original ??= document.title;
      document.title = `(${count}) ${this.original}`;
    } else if (this.original !== null) {
      document.title = this.original;
      this.original = null;
    }
  }
}
