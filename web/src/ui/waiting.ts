/**
 * The content of the panel until the chat's code is loaded: a spinner and a close button, or after a failure a button
 * for another attempt.
 *
 * Called by `element.ts`. Part of the first download of every page, so it must not import a library or the texts.
 */

export const waitingStyles = `
.wait { flex: 1; display: grid; grid-template: auto 1fr / 1fr auto; padding: 0.75rem 1rem; }
.wait button { grid-column: 2; min-width: 2.5rem; height: 2.5rem; border: 0; border-radius: calc(var(--radius) * 0.71); background: none; color: inherit; font: inherit; cursor: pointer; }
.wait :focus-visible { outline: 2px solid var(--accent); }
.wait span, .wait .again { grid-area: 2 / 1 / auto / span 2; place-self: center; }
.wait span { width: 2rem; height: 2rem; border: 3px solid var(--line); border-top-color: var(--accent); border-radius: 50%; animation: turn 1s linear infinite; }
.wait .again { width: 3.5rem; height: 3.5rem; border: 1.5px solid; border-radius: 50%; font-size: 1.5rem; }
.wait .again:not([hidden]) + span { display: none; }
@keyframes turn { to { transform: rotate(1turn); } }
`;

/** Return the language tags of an element, its page and the browser, best first. */
export function languageTags(element: HTMLElement): string[] {
  const tags = [element.lang, document.documentElement.lang, ...navigator.languages];
  return tags.flatMap((tag) => tag.split(/[\s,]+/));
}

export class Waiting {
  readonly element = document.createElement("div");
  private readonly again = document.createElement("button");

  /** `close` is null if the chat cannot be closed. `tags` are language tags, best first. */
  constructor(name: string, tags: readonly string[], close: (() => void) | null, retry: () => void) {
    this.element.className = "wait";
    if (close !== null) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = "✕";
      button.setAttribute("aria-label", "Close");
      import("./close_word").then(
        ({ closeWord }) => button.setAttribute("aria-label", closeWord(tags)),
        () => undefined, // then the name stays English
      );
      button.addEventListener("click", close);
      this.element.append(button);
    }
    this.again.type = "button";
    this.again.className = "again";
    this.again.textContent = "↻";
    this.again.setAttribute("aria-label", `↻ ${name}`);
    this.again.addEventListener("click", retry);
    const spinner = document.createElement("span");
    spinner.setAttribute("role", "img");
    spinner.setAttribute("aria-label", `${name} …`);
    this.element.append(this.again, spinner);
    this.failed(false);
  }

  failed(failed: boolean): void {
    this.again.hidden = !failed;
  }

  focus(): void {
    this.element.querySelector("button")?.focus();
  }
}
