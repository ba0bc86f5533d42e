/**
 * A small protocol-1 server for working on the page without the real one: `npm run dev`.
 *
 * Keeps its logs in memory, answers by keyword, and sends every kind of message. Not a reference for the protocol; that
 * is the server in `src/manent`. `PORT` sets the port; with `PLAIN=1` it speaks Rasa's protocol only.
 */

import { randomBytes } from "node:crypto";
import { createReadStream, existsSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";

import { Server } from "socket.io";

const root = join(import.meta.dirname, "../../src/manent/web/static");
const types = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
  ".json": "application/json",
};
const policy = "default-src 'self'; style-src 'self'; img-src 'self' https: data:; connect-src 'self' ws:";

const http = createServer((request, response) => {
  const path = new URL(request.url, "http://localhost").pathname;
  const file = join(root, normalize(path === "/" ? "index.html" : path));
  if (!file.startsWith(root) || !existsSync(file) || !statSync(file).isFile()) {
    response.writeHead(404).end();
    return;
  }
  response.writeHead(200, {
    "content-type": types[extname(file)] ?? "text/plain",
    "content-security-policy": policy,
    "access-control-allow-origin": "*",
  });
  createReadStream(file).pipe(response);
});
const io = new Server(http, { cors: { origin: true } });

const logs = new Map(); // session_id → { token, epoch, version, events: [Message], ids: Map }
const newLog = () => ({
  token: randomBytes(8).toString("hex"),
  epoch: randomBytes(4).toString("hex"),
  version: 0,
  events: [],
  ids: new Map(),
});

function append(log, role, parts, extra = {}) {
  log.version += 3; // internal events stand between the visible ones
  const prev = log.events.at(-1)?.seq ?? 0;
  const made = parts.map((body, index) => ({
    role,
    ...body,
    ...extra,
    seq: log.version,
    id: `${log.version}.${index}`,
    parts: parts.length,
    prev,
    timestamp: Date.now() / 1000,
  }));
  log.events.push(...made);
  return made;
}

function page(log, limit, filter) {
  const seqs = [...new Set(log.events.filter(filter).map((event) => event.seq))];
  const kept = new Set(seqs.slice(-limit));
  return { messages: log.events.filter((event) => kept.has(event.seq)), has_more: seqs.length > kept.size };
}

function answerTo(text) {
  const say = (...parts) => parts.map((part) => (typeof part === "string" ? { text: part } : part));
  if (/card/i.test(text)) {
    const card = (n) => ({
      title: `Room ${n}`,
      subtitle: "Two beds, a view of the garden, breakfast included",
      buttons: [{ title: `Take ${n}`, payload: `/take{"room":${n}}` }],
    });
    return say("Here are three rooms.", {
      attachment: {
        type: "template",
        payload: { template_type: "generic", elements: [card(1), card(2), card(3), card(4)] },
      },
    });
  }
  if (/markdown/i.test(text))
    return say(
      "### Opening hours\nWe are open **every day**:\n- Monday to Friday, *9 to 18*\n- Weekends, `10:00–14:00`\n\nRead [the details](https://example.com/hours), or write to mailto:desk@example.com.\n> Ring the bell twice.\n\n```\nGET /hours\n```",
    );
  if (/code/i.test(text))
    return say(
      "Save this file:\n\n```python\n@cache\ndef greet(name: str) -> str:\n    return f'Hello {name}'  # say hello\n\nfor number in range(10):\n    print(greet(str(number)))\n```\n\nThen run:\n\n```sh\ncurl -X POST $URL --data 'hello'  # once\n```",
    );
  if (/date/i.test(text))
    return say({
      custom: {
        type: "date",
        text: "When do you **arrive**?",
        min: "2026-01-01",
        payload: '/arrive{"day": "{}"}',
      },
    });
  if (/custom/i.test(text)) return say({ custom: { type: "weather", degrees: 21 } });
  if (/accordion/i.test(text))
    return say({
      custom: {
        type: "accordion",
        elements: [
          { title: "How do I cancel?", text: "Write **cancel**." },
          { title: "What does it cost?", text: "Nothing." },
        ],
      },
    });
  if (/rating/i.test(text))
    return say({
      custom: {
        type: "rating",
        text: "How was it?",
        options: [1, 2, 3, 4, 5].map((n) => ({ value: String(n), payload: `/rate{"stars":${n}}` })),
        message: "Thank you!",
      },
    });
  if (/file/i.test(text))
    return say({
      custom: {
        type: "file_download",
        file_url: "https://example.com/invoice.pdf",
        file_name: "invoice.pdf",
        text: "Your invoice:",
      },
    });
  if (/image/i.test(text))
    return say("Look:", {
      attachment: { type: "image", payload: { src: "/webchat/icon.svg", title: "The mark of Manent" } },
    });
  if (/xss/i.test(text))
    return say("<img src=x onerror=alert(1)> [click](javascript:alert(1)) <script>alert(2)</script>");
  return say(`You wrote: ${text}`, {
    text: "What would you like to do next?",
    quick_replies: [
      { content_type: "text", title: "Book a table", payload: "/book" },
      { content_type: "text", title: "Opening hours", payload: "markdown" },
      { content_type: "text", title: "Talk to a person", payload: "/human" },
    ],
  });
}

io.on("connection", (socket) => {
  let joined = null;
  const enter = (id) => {
    if (joined !== null) socket.leave(`log ${joined}`);
    socket.join(`log ${(joined = id)}`);
  };
  const snapshot = (id, log, { cursor, limit = 50 } = {}) => {
    const known = cursor?.epoch === log.epoch ? cursor.seq : 0;
    const newer = page(log, limit, (event) => event.seq > known);
    const gap = cursor !== undefined && (cursor.epoch !== log.epoch || newer.has_more);
    const shown = gap ? page(log, limit, () => true) : newer;
    return {
      ok: true,
      session_id: id,
      session_token: log.token,
      epoch: log.epoch,
      seq: log.version,
      resumed: log.events.length > 0,
      gap,
      typing: false,
      ...shown,
      has_more: shown.messages.length > 0 && log.events[0].seq < shown.messages[0].seq,
    };
  };
  const room = (id) => io.to(`log ${id}`);
  const deliver = (id, messages) => {
    for (const { role, ...message } of messages)
      room(id).emit(role === "user" ? "user_uttered" : "bot_uttered", message);
  };

  if (process.env.PLAIN) {
    socket.on("session_request", (data) => {
      const id = data?.session_id ?? randomBytes(8).toString("hex");
      enter(id);
      socket.emit("session_confirm", id);
    });
    socket.on("user_uttered", (data) =>
      answerTo(data.message).forEach((part) => room(data.session_id).emit("bot_uttered", part)),
    );
    return;
  }
  socket.on("session_request", (data, ack) => {
    const id = logs.has(data.session_id) ? data.session_id : randomBytes(16).toString("hex");
    if (!logs.has(id)) logs.set(id, newLog());
    enter(id);
    ack(snapshot(id, logs.get(id), data));
  });
  socket.on("history_request", (data, ack) =>
    ack({
      ok: true,
      ...page(logs.get(data.session_id), data.limit ?? 50, (event) => event.seq < data.before),
    }),
  );
  socket.on("rate", (_data, ack) => ack({ ok: true, seq: 0 }));
  socket.on("session_reset", (data, ack) => {
    const id = randomBytes(16).toString("hex");
    logs.set(id, newLog());
    socket.to(`log ${data.session_id}`).emit("session_changed", {
      reason: "reset",
      session_id: id,
      session_token: logs.get(id).token,
      epoch: logs.get(id).epoch,
    });
    enter(id);
    ack(snapshot(id, logs.get(id)));
  });
  socket.on("session_erase", (data, ack) => {
    logs.set(data.session_id, newLog());
    ack(snapshot(data.session_id, logs.get(data.session_id)));
  });
  socket.on("user_uttered", (data, ack) => {
    const log = logs.get(data.session_id);
    if (log === undefined || (data.epoch !== undefined && data.epoch !== log.epoch)) {
      ack({ ok: false, error: { code: "conversation_changed", message: "The conversation has changed." } });
      return;
    }
    if (/refuse/.test(data.message)) {
      ack({ ok: false, error: { code: "bad_request", message: "The server did not want this." } });
      return;
    }
    const first = log.ids.get(data.message_id);
    if (first !== undefined) {
      ack({ ok: true, seq: first, duplicate: true });
      return;
    }
    const { message, title, message_id } = data;
    const bare = title === undefined && message.startsWith("/");
    const said = append(log, "user", [
      { message, message_id, ...(title ? { title } : {}), ...(bare ? { payload: true } : {}) },
    ]);
    log.ids.set(message_id, said[0].seq);
    ack({ ok: true, seq: said[0].seq, duplicate: false });
    deliver(data.session_id, said);
    room(data.session_id).emit("bot_typing", { on: true });
    setTimeout(
      () => deliver(data.session_id, append(log, "bot", answerTo(message))),
      /slow/.test(message) ? 3000 : 300,
    );
  });
});

http.listen(Number(process.env.PORT ?? 5099), "127.0.0.1", () =>
  console.log(`http://127.0.0.1:${http.address().port}/`),
);
