/**
 * The English texts of the interface.
 *
 * Every language has the same keys. A name, a number or a text replaces `{}`. Contains texts only.
 */

/** The forms of a text with a number, by the plural categories of `Intl.PluralRules`. */
export type Plural = Readonly<Partial<Record<Intl.LDMLPluralRule, string>>> & { readonly other: string };

export const en = {
  open: "Open chat",
  close: "Close chat",
  conversation: "Conversation",
  write: "Write a message",
  send: "Send",
  attach: "Attach files",
  camera: "Take a photo",
  menu: "Menu",
  you: "You",
  said: "{} said",
  typing: "{} is typing",
  waiting: "You are waiting for a person. You can keep writing.",
  joined: "{} joined",
  left: "{} left",
  rate: "How was this conversation?",
  comment: "Comment (optional)",
  rated: "Thank you for your rating.",
  sending: "Sending",
  sent: "Sent",
  failed: "Not sent",
  too_long: "The message is too long.",
  retry: "Try again",
  edit: "Edit",
  discard: "Remove",
  empty: "Write a message to get started. Your conversation will be here when you come back.",
  today: "Today",
  yesterday: "Yesterday",
  restarted: "Conversation restarted",
  resumed: "Conversation resumed",
  older: "Load earlier messages",
  loading: "Loading earlier messages",
  missing: "Earlier messages are missing.",
  newest: "Newest messages",
  unread: { one: "1 new message", other: "{} new messages" },
  connecting: "Connecting",
  offline: "Offline. Your messages will be sent when the connection is back.",
  unreachable: "The chat cannot reach its server. It keeps trying.",
  refused: "The server refused the connection.",
  fresh: "New conversation",
  fresh_ask: "Start a new conversation?",
  fresh_note: "This conversation ends here.",
  download: "Download transcript",
  erase: "Erase conversation",
  erase_ask: "Erase this conversation?",
  erase_note: "All messages are deleted permanently, also on the server.",
  confirm_fresh: "Start",
  confirm_erase: "Erase",
  cancel: "Cancel",
  dismiss: "Dismiss",
  past: "Earlier conversations",
  none: "None yet",
  sound: "Sound",
  notifications: "Notifications",
  read_aloud: "Read replies aloud",
  dictate: "Dictate",
  listening: "Listening",
  unknown: "More data",
  picture: "Picture",
  download_file: "Download {}",
  no_storage: "Your browser does not allow storage. This conversation will be lost when you close the page.",
  dropped: "Not sent, because the conversation has changed: {}",
  session_lost: "Your earlier conversation could not be opened. This is a new one.",
  session_reset: "A new conversation was started in another window.",
  session_erased: "The conversation was erased.",
  session_claimed: "This conversation now belongs to your account.",
  token_expired: "You have been signed out. Please sign in again to continue.",
  token_revoked: "Your access has ended.",
  microphone_denied:
    "The browser does not allow the microphone. You can allow it in the settings of this site.",
  notifications_denied:
    "The browser does not allow notifications. You can allow them in the settings of this site.",
  action_failed: "Something went wrong while answering this message.",
  failed_request: "That did not work. Please try again.",
  unsupported: "This chat is out of date. Please reload the page.",
  files: "Files of this message",
  drop: "Drop files here",
  uploading: "Uploading {}",
  attached: "{} is attached",
  cancel_upload: "Cancel the upload of {}",
  remove_file: "Remove {}",
  upload_failed: "The file could not be uploaded.",
  file_too_large: "Too large: the limit is {}.",
  file_type_refused: "This type of file cannot be sent.",
  file_refused: "This file was refused.",
  too_many_files: "Too many files.",
};

type English = typeof en;

/** The keys of texts without plural forms. */
export type TextKey = { [key in keyof English]: English[key] extends string ? key : never }[keyof English];

export type Words = { readonly [key in keyof English]: key extends TextKey ? string : Plural };
