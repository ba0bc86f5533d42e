import { copyFileSync, readFileSync } from "node:fs";
import { resolve } from "node:path";

import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";

const here = import.meta.dirname;

/** Modules of Socket.IO that the chat does not need, and what stands in for them. */
const UNUSED: Record<string, string> = {
  "webtransport.js": "export class WT {}",
  "polling-fetch.js": "export class Fetch {}",
  "is-binary.js": "export const isBinary = () => false; export const hasBinary = () => false;",
  "binary.js": "export const deconstructPacket = () => {}; export const reconstructPacket = () => {};",
  "encodePacket.js": `export const encodePacket = ({ type, data }, _, done) =>
    done(["open", "close", "ping", "pong", "message", "upgrade", "noop"].indexOf(type) + (data || ""));
  export const encodePacketToBinary = () => {};`,
  "decodePacket.js": `export const decodePacket = (text) => {
    const type = ["open", "close", "ping", "pong", "message", "upgrade", "noop"][text[0]];
    return type ? { type, data: text.slice(1) || undefined } : { type: "error", data: "parser error" };
  };`,
  "parseqs.js": `export const encode = (query) => new URLSearchParams(query).toString();
  export const decode = (text) => Object.fromEntries(new URLSearchParams(text));`,
  "backo2.js": "export class Backoff { attempts = 0; reset() {} }",
  "url.js": "export const url = (uri) => ({ source: uri, path: new URL(uri).pathname });",
  "parseuri.js": `export const parse = (uri) => {
    const { protocol, hostname, port, pathname, search, hash, host } = new URL(uri, location);
    const path = pathname === "/" ? "" : pathname;
    return { source: uri, protocol: protocol.slice(0, -1), host: hostname.replace(/^\\[|\\]$/g, ""), port, authority: host, path,
      query: search.slice(1), anchor: hash.slice(1), relative: path + search };
  };`,
};

/**
 * The server hands the output out as it lies: `index.html` is `/`, the rest is below `/webchat/`. Entry points keep
 * their names, because pages elsewhere name them; what they load on demand is named by its content.
 */
export default defineConfig({
  base: "./",
  build: {
    outDir: resolve(here, "../src/manent/web/static"),
    emptyOutDir: true,
    target: ["chrome111", "firefox114", "safari16.4"],
    modulePreload: false,
    rollupOptions: {
      input: {
        "manent-chat": resolve(here, "src/ui/element.ts"),
        page: resolve(here, "src/page/page.ts"),
        demo: resolve(here, "src/page/demo.ts"),
      },
      preserveEntrySignatures: "allow-extension",
      output: {
        entryFileNames: "webchat/[name].js",
        chunkFileNames: "webchat/assets/[name]-[hash].js",
        assetFileNames: "webchat/assets/[name]-[hash][extname]",
      },
    },
  },
  plugins: [
    {
      // Vite's wrapper around `import()` would be shared by the loader and the chat: a chat could then run only with the
      // loader of its own release.
      name: "bare-imports",
      apply: "build",
      configResolved({ plugins }) {
        const isWrapper = ({ name }: { name: string }): boolean =>
          /^(vite:build-import-analysis|native:import-analysis-build)$/.test(name);
        if (!plugins.some(isWrapper)) throw new Error("Vite's wrapper has another name: update bare-imports");
        const others = plugins.filter((plugin) => !isWrapper(plugin));
        (plugins as Plugin[]).splice(0, plugins.length, ...others);
      },
    },
    {
      // The minifier leaves template strings alone: remove the indentation of markup, and the spaces in styles.
      name: "compact-templates",
      enforce: "pre",
      transform(code, id) {
        if (!id.includes("/src/ui/")) return null;
        const lines = code.replace(/\n\s+/g, "\n");
        if (!/\/(styles|theme|launcher|waiting)\.ts$/.test(id)) return lines;
        return lines
          .replace(/\/\*.*?\*\//gs, "")
          .replace(/ ?([{};]) ?|([:,]) /g, "$1$2")
          .replace(/([{};,`])\n+(?![^\n]*\/\/)/g, "$1")
          .replace(/;}/g, "}");
      },
    },
    {
      // The texts of a language as a list without keys, in the order of `en.ts`. `i18n/index.ts` adds the keys again.
      // The file of a tone contains all texts of its language.
      name: "compact-texts",
      apply: "build",
      enforce: "pre",
      async transform(code, id) {
        const language = /\/i18n\/([a-z]{2})(\.\w+)?\.ts$/.exec(id);
        if (language === null || language[1] === "en") return null;
        const read = async (text: string): Promise<Record<string, unknown>> =>
          (await import(`data:text/javascript,${encodeURIComponent(text)}`))[
            text.includes("const en") ? "en" : "words"
          ];
        const bare = (text: string): string =>
          text.replace(/^import .*$|^(export )?type .*$|: Words\b/gm, "");
        const en = await read(bare(readFileSync(resolve(id, "../en.ts"), "utf8")));
        const base =
          language[2] === undefined
            ? ""
            : `const base = ${JSON.stringify(await read(bare(readFileSync(resolve(id, `../${language[1]}.ts`), "utf8"))))};`;
        const words = await read(base + bare(code));
        return `export const words = ${JSON.stringify(Object.keys(en).map((name) => words[name]))};`;
      },
    },
    {
      // `client/socketio.ts` uses WebSocket and polling, and sends JSON; `client/connection.ts` reconnects. Socket.IO
      // would bundle a third transport, binary packets, its own pauses, and parsers of addresses and queries that every
      // browser has.
      name: "less-of-socket.io",
      enforce: "pre",
      resolveId(source, importer) {
        const name = source.split("/").at(-1)!;
        const isLibrary = /\/(engine|socket)\.io-(client|parser)\//.test(importer ?? "");
        return isLibrary && name in UNUSED ? `\0${name}` : null;
      },
      load: (id) => UNUSED[id.slice(1)] ?? null,
    },
    {
      name: "chat-file",
      apply: "build",
      generateBundle(_options, bundle) {
        const chunks = Object.values(bundle).filter((file) => file.type === "chunk");
        const chat = chunks.find(({ name }) => name === "chat")!;
        for (const chunk of chunks)
          chunk.code = chunk.code.replace("CHAT_FILE", chat.fileName.replace("webchat/", "./"));
      },
    },
    {
      name: "hosted-page",
      writeBundle(options) {
        const out = options.dir!;
        copyFileSync(resolve(here, "index.html"), resolve(out, "index.html"));
        copyFileSync(resolve(here, "demo.html"), resolve(out, "demo.html"));
        copyFileSync(resolve(here, "studio.html"), resolve(out, "webchat/studio.html"));
      },
    },
  ],
  test: {
    include: ["tests/**/*.test.ts"],
    environment: "node",
  },
});
