/**
 * Uploads files to `POST /sessions/files`.
 *
 * Called by `ConversationClient.upload` through the port `Uploader`. Must not retry; the caller decides.
 */

import { RequestRefused } from "./connection";
import { isObject, readError, type Attachment } from "./wire";

/** A file to upload. */
export interface UploadOptions {
  /** The name that the server stores. Default: the name of a `File`, otherwise `file`. */
  name?: string;
  /** Called with the sent part of the file, from 0 to 1. */
  progress?: (part: number) => void;
  /** Cancels the upload. */
  signal?: AbortSignal;
}

/** Send a form, with a JSON web token if there is one. Resolves with the JSON of the answer; rejects if none arrives. */
export type Uploader = (
  form: FormData,
  token: string | null,
  options: Pick<UploadOptions, "progress" | "signal">,
) => Promise<unknown>;

/** The part of XMLHttpRequest that is used. Other runtimes than browsers do not have it. */
interface FormRequest {
  responseType: string;
  readonly response: unknown;
  readonly upload: { onprogress: ((event: { loaded: number; total: number }) => void) | null };
  onload: (() => void) | null;
  onerror: (() => void) | null;
  onabort: (() => void) | null;
  onloadend: (() => void) | null;
  open(method: string, url: string): void;
  setRequestHeader(name: string, value: string): void;
  send(form: FormData): void;
  abort(): void;
}

/**
 * Return the uploader for a server. `url` is the server's URL without a trailing slash.
 *
 * Outside browsers, it reports no progress, because `fetch` does not report how much of a body is sent.
 */
export function httpUploader(url: string): Uploader {
  const { XMLHttpRequest: Request } = globalThis as { XMLHttpRequest?: new () => FormRequest };
  return (form, token, { progress, signal }) =>
    new Promise((resolve, reject) => {
      const address = `${url}/sessions/files`;
      signal?.throwIfAborted();
      if (Request === undefined) {
        const headers = token === null ? {} : { Authorization: `Bearer ${token}` };
        fetch(address, { method: "POST", body: form, headers, ...(signal === undefined ? {} : { signal }) })
          .then((answer) => answer.json())
          .then(resolve, reject);
        return;
      }
      const request = new Request();
      const end = (): void => request.abort();
      request.open("POST", address);
      request.responseType = "json";
      if (token !== null) request.setRequestHeader("Authorization", `Bearer ${token}`);
      if (progress !== undefined)
        request.upload.onprogress = ({ loaded, total }) => progress(total > 0 ? loaded / total : 0);
      request.onload = () => resolve(request.response);
      request.onerror = () => reject(new TypeError("the server cannot be reached"));
      request.onabort = () => reject(new DOMException("the upload was cancelled", "AbortError"));
      request.onloadend = () => signal?.removeEventListener("abort", end);
      signal?.addEventListener("abort", end);
      request.send(form);
    });
}

/** Return a form in the order that the server requires: the file is the last part. */
export function uploadForm(
  session: { session_id: string; session_token?: string },
  file: Blob,
  name: string | undefined,
): FormData {
  const form = new FormData();
  form.append("session_id", session.session_id);
  if (session.session_token !== undefined) form.append("session_token", session.session_token);
  form.append("file", file, name ?? (file instanceof File ? file.name : "file"));
  return form;
}

/** Read the answer. Throws `RequestRefused` if the server did not accept the file. */
export function readUpload(answer: unknown): Attachment {
  const error = readError(answer);
  if (error !== null || !isObject(answer)) throw new RequestRefused(error!);
  const { file_id, name, mime, size } = answer;
  return { file_id: String(file_id), name: String(name), mime: String(mime), size: Number(size) };
}
