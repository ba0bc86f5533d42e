import { copyFileSync } from "node:fs";
import { resolve } from "node:path";

import { defineConfig } from "vite";

const here = import.meta.dirname;
const outDir = resolve(here, "../src/manent/web/static/desk");

/**
 * The page of operators: one script, and one file for each language other than English. It is built apart from the chat,
 * so that visitors load nothing of it.
 */
export default defineConfig({
  base: "./",
  publicDir: false,
  build: {
    outDir,
    emptyOutDir: false,
    target: ["chrome123", "firefox121", "safari17.5"],
    modulePreload: false,
    rollupOptions: {
      input: { desk: resolve(here, "src/desk/page.ts") },
      output: { entryFileNames: "[name].js", chunkFileNames: "assets/[name]-[hash].js" },
    },
  },
  plugins: [
    {
      name: "desk-page",
      writeBundle: () => copyFileSync(resolve(here, "desk.html"), resolve(outDir, "desk.html")),
    },
  ],
});
