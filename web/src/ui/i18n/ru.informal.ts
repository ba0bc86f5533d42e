/**
 * The informal Russian texts, where they differ from `ru.ts`. Loaded by `index.ts` when needed.
 *
 * Not yet reviewed by a native speaker.
 */

import type { Words } from "./en";
import { words as base } from "./ru";

export const words: Words = {
  ...base,
  write: "Напиши сообщение",
  you: "Ты",
  waiting: "Ты ждёшь ответа сотрудника. Можно продолжать писать.",
  empty: "Напиши сообщение, чтобы начать. Когда ты вернёшься, беседа будет на месте.",
  no_storage: "Браузер не разрешает хранить данные. Беседа пропадёт, когда ты закроешь страницу.",
  session_claimed: "Беседа теперь принадлежит твоей учётной записи.",
  token_expired: "Сеанс завершён. Войди снова, чтобы продолжить.",
  token_revoked: "Твой доступ прекращён.",
  failed_request: "Не получилось. Попробуй ещё раз.",
  unsupported: "Этот чат устарел. Обнови страницу.",
  drop: "Перетащи файлы сюда",
  unknown_file: "Файл больше недоступен. Прикрепи его ещё раз.",
};
