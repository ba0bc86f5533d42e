/**
 * The menu and the dialogs over the conversation: a question, or the list of earlier conversations.
 *
 * Owns which one is open. Moves the focus into an opened menu or dialog, keeps it inside an open dialog, and restores
 * it afterwards. Called by `chat.ts` and `panel.ts`. Must not depend on the content of a question.
 */

import { html, nothing, type TemplateResult } from "lit-html";

import type { SessionSummary } from "../client/wire";
import type { Words } from "./i18n";
import { questionView, sessionsView, type Question } from "./views/shell";

export class Dialogs {
  menuOpen = false;
  private question: Question | null = null;
  private sessions: readonly SessionSummary[] | null = null;
  private returnFocus: HTMLElement | null = null;

  constructor(
    private readonly panel: HTMLElement,
    private readonly draw: () => void,
    /** Focus the text field. */
    private readonly focusField: () => void,
    /** Called with the earlier conversation that the visitor has chosen. */
    private readonly chosen: (session_id: string) => void,
  ) {}

  view(words: Words, locale: string): TemplateResult {
    return html`
      ${this.question === null ? nothing : questionView(this.question, words, (yes) => this.answer(yes))}
      ${this.sessions === null ? nothing : sessionsView(this.sessions, words, locale, (id) => this.choose(id))}
    `;
  }

  toggleMenu(open: boolean): void {
    this.menuOpen = open;
    this.draw();
    this.focus(open ? "#menu button" : ".menu-button");
  }

  /** Handle a click or a change of the focus: if it is outside the menu, close the menu without moving the focus. */
  turned(to: readonly EventTarget[]): void {
    if (!this.menuOpen) return;
    // The handler of the menu button closes the menu.
    if (to.some((target) => target instanceof Element && target.matches("#menu, .menu-button"))) return;
    this.menuOpen = false;
    this.draw();
  }

  ask(question: Question): void {
    this.returnFocus = this.panel.querySelector(".menu-button");
    this.question = question;
    this.draw();
    this.focus(".question .cancel");
  }

  /** Show the list of earlier conversations. */
  offer(sessions: readonly SessionSummary[]): void {
    this.returnFocus = this.panel.querySelector(".menu-button");
    this.sessions = sessions;
    this.draw();
    this.focus(".sessions button, .question .cancel");
  }

  /** Close all dialogs without an answer, because they are about the conversation of the previous visitor. */
  reset(): void {
    this.question = this.sessions = null;
  }

  /** Close the topmost dialog or menu. Returns false if none is open. */
  close(): boolean {
    if (this.question !== null) this.answer(false);
    else if (this.sessions !== null) this.choose(null);
    else if (this.menuOpen) this.toggleMenu(false);
    else return false;
    return true;
  }

  /** Keep the focus inside an open dialog when Tab is pressed on `active`. */
  tab(event: KeyboardEvent, active: Element | null): void {
    const dialog = this.panel.querySelector(".question");
    if (dialog === null) return;
    const stops = [...dialog.querySelectorAll<HTMLElement>("button")];
    const edge = event.shiftKey ? stops[0] : stops.at(-1);
    if (active === edge) {
      event.preventDefault();
      (event.shiftKey ? stops.at(-1) : stops[0])?.focus();
    }
  }

  private answer(yes: boolean): void {
    const question = this.question;
    this.question = null;
    this.draw();
    if (!yes) {
      this.returnFocus?.focus();
      return;
    }
    this.focusField(); // confirming usually empties the conversation
    question?.act();
  }

  private choose(session_id: string | null): void {
    this.sessions = null;
    this.draw();
    this.returnFocus?.focus();
    if (session_id !== null) this.chosen(session_id);
  }

  private focus(selector: string): void {
    this.panel.querySelector<HTMLElement>(selector)?.focus();
  }
}
