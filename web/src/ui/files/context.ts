/** What the files of the next message need to know of the chat. */

import type { FilesOffer } from "../../client/wire";
import type { Localization } from "../i18n";

/** What the files need to know of the chat, read again for each use. */
export interface AttachingContext {
  readonly offer: FilesOffer | null;
  readonly localization: Localization;
  /** The files have changed: draw again. */
  changed(): void;
  /** The code for files could not be loaded. */
  failed(): void;
}
