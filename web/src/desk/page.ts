/**
 * The page at `/desk`: starts the desk with the browser's clock, storage and languages.
 *
 * The API is beside this script: `desk/desk.js` and `desk/api/v1/`, also below the path of a proxy.
 */

import { systemChance, systemClock } from "../client/connect";
import { browserStore } from "../ui/browser";
import { theme } from "../ui/theme";
import { styles } from "../ui/styles";
import { Desk } from "./desk";
import { deskStyles } from "./styles";
import { deskView } from "./views/frame";
import { localize } from "./words";

function adopt(css: string): void {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(css);
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
}

async function show(): Promise<void> {
  // The theme and the styles are those of the chat, whose element is here the page.
  adopt(theme.replace(/:host\(([^()]*(?:\([^()]*\))?)\)/g, ":root$1").replaceAll(":host", ":root"));
  adopt(styles);
  adopt(deskStyles);
  const localization = await localize(navigator.languages);
  document.documentElement.lang = localization.language;
  document.documentElement.dir = localization.direction;
  document.title = localization.words.title;
  const base = new URL(/* @vite-ignore */ "api/v1/", import.meta.url).href;
  const desk = new Desk(document.querySelector("main")!, base, localization, {
    clock: systemClock,
    store: browserStore("local"),
    id: () => systemChance.id(),
    view: deskView,
  });
  desk.start();
}

void show();
