import { copyFileSync } from "node:fs";
import { resolve } from "node:path";

import { defineConfig } from "vitest/config";

const here = import.meta.dirname;

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
      // The minifier leaves template strings alone: remove the indentation of markup, and the spaces in styles.
      name: "compact-templates",
      enforce: "pre",
      transform(code, id) {
        if (!id.includes("/src/ui/")) return null;
        const lines = code.replace(/\n\s+/g, "\n");
        if (!/\/(styles|theme|launcher)\.ts$/.test(id)) return lines;
        return lines.replace(/\/\*.*?\*\//gs, "").replace(/ ?([{};]) ?|([:,]) /g, "$1$2");
      },
    },
    {
      // `client/socketio.ts` uses WebSocket and polling only; Socket.IO would bundle a third transport.
      name: "no-webtransport",
      enforce: "pre",
      resolveId: (source, importer) =>
        /engine\.io-client/.test(importer ?? "") && source === "./webtransport.js" ? "\0webtransport" : null,
      load: (id) => (id === "\0webtransport" ? "export class WT {}" : null),
    },
    {
      name: "hosted-page",
      writeBundle(options) {
        const out = options.dir!;
        copyFileSync(resolve(here, "index.html"), resolve(out, "index.html"));
        copyFileSync(resolve(here, "studio.html"), resolve(out, "webchat/studio.html"));
      },
    },
  ],
  test: {
    include: ["tests/**/*.test.ts"],
    environment: "node",
  },
});
