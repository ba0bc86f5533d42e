/**
 * The entries of the menu, in order.
 *
 * Called by `chat.ts` at each drawing. The attribute `hide` of the site removes entries by name. Must not run actions.
 */

import type { ChatConfig } from "./config";
import type { Words } from "./i18n";
import { canNotify, canSpeak } from "./media";
import type { Preference, Preferences } from "./preferences";
import type { MenuEntry, Question } from "./views/shell";

/** The actions behind the entries. */
export interface MenuActions {
  /** Ask the visitor to confirm. */
  ask(question: Question): void;
  past(): void;
  fresh(): void;
  download(): void;
  erase(): void;
  switch(preference: Preference): void;
  toggleFullScreen(): void;
}

type NamedEntry = MenuEntry & { name: string };

export function menuEntries(
  words: Words,
  config: ChatConfig,
  preferences: Preferences,
  /** Null if the chat has one size only. */
  isFullScreen: boolean | null,
  actions: MenuActions,
): MenuEntry[] {
  const past: NamedEntry = { name: "past", label: words.past, act: () => actions.past() };
  const fresh: Question = {
    ask: words.fresh_ask,
    note: words.fresh_note,
    yes: words.confirm_fresh,
    act: () => actions.fresh(),
  };
  const erase: Question = {
    ask: words.erase_ask,
    note: words.erase_note,
    yes: words.confirm_erase,
    grave: true,
    act: () => actions.erase(),
  };
  const toggle = (name: Preference, label: string): NamedEntry => ({
    name,
    label,
    checked: preferences.has(name),
    act: () => actions.switch(name),
  });
  const fullScreen: NamedEntry = {
    name: "full_screen",
    label: words.full_screen,
    checked: isFullScreen === true,
    act: () => actions.toggleFullScreen(),
  };
  const entries: NamedEntry[] = [
    ...(config.conversations ? [past] : []),
    { name: "new", label: words.fresh, act: () => actions.ask(fresh) },
    { name: "download", label: words.download, act: () => actions.download() },
    { name: "erase", label: words.erase, act: () => actions.ask(erase) },
    ...(isFullScreen === null ? [] : [fullScreen]),
    toggle("sound", words.sound),
    ...(canNotify() ? [toggle("notifications", words.notifications)] : []),
    ...(config.voice && canSpeak() ? [toggle("read_aloud", words.read_aloud)] : []),
  ];
  return entries.filter((entry) => !config.hide.includes(entry.name));
}
