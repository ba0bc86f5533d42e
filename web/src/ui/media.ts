/** Sound, speech and notifications through what the browser has itself. Each is off until the visitor wants it. */

/** A short, quiet tone for a new message; made here, so there is no file to load. */
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

export const canSpeak = (): boolean => "speechSynthesis" in window;

export function speak(words: string, language: string): void {
  const utterance = new SpeechSynthesisUtterance(words);
  utterance.lang = language;
  speechSynthesis.speak(utterance);
}

export function hush(): void {
  if (canSpeak()) speechSynthesis.cancel();
}

/** The part of the Web Speech API that is used; TypeScript's library does not know it. */
interface Recognition {
  lang: string;
  interimResults: boolean;
  onresult: ((event: { results: ArrayLike<ArrayLike<{ transcript: string }>> }) => void) | null;
  onend: (() => void) | null;
  start(): void;
  stop(): void;
}

function recognitionClass(): (new () => Recognition) | null {
  const found = window as unknown as Record<string, unknown>;
  return (found["SpeechRecognition"] ?? found["webkitSpeechRecognition"] ?? null) as
    (new () => Recognition) | null;
}

export const canListen = (): boolean => recognitionClass() !== null;

/** Listen until the visitor pauses; `heard` gets all words so far. Returns a function that stops. */
export function listen(language: string, heard: (words: string) => void, ended: () => void): () => void {
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
  recognition.start();
  return () => recognition.stop();
}

export const canNotify = (): boolean => "Notification" in window && Notification.permission !== "denied";

/** Ask once; the browser remembers the answer. */
export async function mayNotify(): Promise<boolean> {
  return (await Notification.requestPermission()) === "granted";
}

/** Tell somebody who looks elsewhere; a click brings them back. */
export function notify(title: string, words: string, clicked: () => void): void {
  if (Notification.permission !== "granted") return;
  try {
    const shown = new Notification(title, { body: words.slice(0, 200), tag: "manent" });
    shown.onclick = () => {
      window.focus();
      clicked();
      shown.close();
    };
  } catch {
    // Some mobile browsers have the class but allow it to service workers only.
  }
}

/** Counts unread messages in the page's title while nobody looks, and gives the title back afterwards. */
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
