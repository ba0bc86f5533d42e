/** What stands in the menu, in order. The page may hide entries by name (`hide`). */

import type { ChatConfig } from "./config";
import type { Words } from "./i18n";
import { canNotify, canSpeak } from "./media";
import type { Preference, Preferences } from "./preferences";
import type { MenuEntry, Question } from "./views/shell";

/** What entries do. */
export interface MenuActs {
  /** Ask the visitor whether it shall be. */
  ask(question: Question): void;
  past(): void;
  fresh(): void;
  download(): void;
  erase(): void;
  switch(preference: Preference): void;
}

type NamedEntry = MenuEntry & { name: string };

export function menuEntries(
  words: Words,
  config: ChatConfig,
  preferences: Preferences,
  acts: MenuActs,
): MenuEntry[] {
  const past: NamedEntry = { name: "past", label: words.past, act: () => acts.past() };
  const fresh: Question = {
    ask: words.fresh_ask,
    note: words.fresh_note,
    yes: words.confirm_fresh,
    act: () => acts.fresh(),
  };
  const erase: Question = {
    ask: words.erase_ask,
    note: words.erase_note,
    yes: words.confirm_erase,
    grave: true,
    act: () => acts.erase(),
  };
  const toggle = (name: Preference, label: string): NamedEntry => ({
    name,
    label,
    checked: preferences.has(name),
    act: () => acts.switch(name),
  });
  const entries: NamedEntry[] = [
    ...(config.conversations ? [past] : []),
    { name: "new", label: words.fresh, act: () => acts.ask(fresh) },
    { name: "download", label: words.download, act: () => acts.download() },
    { name: "erase", label: words.erase, act: () => acts.ask(erase) },
    toggle("sound", words.sound),
    ...(canNotify() ? [toggle("notifications", words.notifications)] : []),
    ...(config.voice && canSpeak() ? [toggle("read_aloud", words.read_aloud)] : []),
  ];
  return entries.filter((entry) => !config.hide.includes(entry.name));
}
