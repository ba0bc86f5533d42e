/**
 * The informal Ukrainian texts, where they differ from `uk.ts`. Loaded by `index.ts` when needed.
 *
 * Not yet reviewed by a native speaker.
 */

import type { Words } from "./en";
import { words as base } from "./uk";

export const words: Words = {
  ...base,
  write: "Напиши повідомлення",
  you: "Ти",
  waiting: "Ти чекаєш на відповідь працівника. Можна писати далі.",
  empty: "Напиши повідомлення, щоб почати. Коли ти повернешся, розмова буде тут.",
  no_storage: "Браузер не дозволяє зберігати дані. Розмова зникне, коли ти закриєш сторінку.",
  session_claimed: "Розмова тепер належить твоєму обліковому запису.",
  token_expired: "Сеанс завершено. Увійди знову, щоб продовжити.",
  token_revoked: "Твій доступ припинено.",
  failed_request: "Не вдалося. Спробуй ще раз.",
  unsupported: "Цей чат застарів. Онови сторінку.",
  drop: "Перетягни файли сюди",
  unknown_file: "Файл більше недоступний. Прикріпи його ще раз.",
};
