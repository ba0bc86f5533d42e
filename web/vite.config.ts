import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";

import { defineConfig } from "vitest/config";

const here = import.meta.dirname;

/**
 * Everything that the server hands out under `/webchat/`, and `index.html` for `/`. Entry points keep their names,
 * because pages elsewhere name them; what they load on demand is named by its content.
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
        entryFileNames: "[name].js",
        chunkFileNames: "assets/[name]-[hash].js",
        assetFileNames: "assets/[name]-[hash][extname]",
      },
    },
  },
  plugins: [
    {
      name: "hosted-page",
      writeBundle(options) {
        const out = options.dir!;
        copyFileSync(resolve(here, "index.html"), resolve(out, "index.html"));
        const version = JSON.parse(readFileSync(resolve(here, "package.json"), "utf8")).version as string;
        writeFileSync(resolve(out, "version.json"), `${JSON.stringify({ version, protocol: 1 })}\n`);
      },
    },
  ],
  test: {
    include: ["tests/**/*.test.ts"],
    environment: "node",
  },
});
