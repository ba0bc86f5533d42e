/**
 * The informal Turkish texts, where they differ from `tr.ts`. Loaded by `index.ts` when needed.
 *
 * Not yet reviewed by a native speaker.
 */

import type { Words } from "./en";
import { words as base } from "./tr";

export const words: Words = {
  ...base,
  write: "Mesaj yaz",
  you: "Sen",
  waiting: "Bir temsilci bekliyorsun. Yazmaya devam edebilirsin.",
  rated: "Değerlendirmen için teşekkürler.",
  empty: "Başlamak için bir mesaj yaz. Geri geldiğinde sohbetin burada olacak.",
  offline: "Çevrimdışı. Bağlantı geri geldiğinde mesajların gönderilecek.",
  no_storage: "Tarayıcın veri saklamaya izin vermiyor. Sayfayı kapattığında bu sohbet kaybolur.",
  session_lost: "Önceki sohbetin açılamadı. Bu yeni bir sohbet.",
  session_claimed: "Bu sohbet artık hesabına ait.",
  token_expired: "Oturumun kapandı. Devam etmek için yeniden oturum aç.",
  token_revoked: "Erişimin sona erdi.",
  microphone_denied: "Tarayıcı mikrofona izin vermiyor. Bu sitenin ayarlarından izin verebilirsin.",
  notifications_denied: "Tarayıcı bildirimlere izin vermiyor. Bu sitenin ayarlarından izin verebilirsin.",
  failed_request: "Olmadı. Lütfen yeniden dene.",
  unsupported: "Bu sohbet güncel değil. Lütfen sayfayı yeniden yükle.",
  drop: "Dosyaları buraya bırak",
  unknown_file: "Bir dosya artık kullanılamıyor. Yeniden ekle.",
};
