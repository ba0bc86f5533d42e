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
      // Templates of markup and styles reach the browser as they are written; their indentation need not.
      name: "no-indentation",
      enforce: "pre",
      transform: (code, id) => (id.includes("/src/ui/") ? code.replace(/\n\s+/g, "\n") : null),
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
