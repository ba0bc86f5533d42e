import { resolve } from "node:path";

import { defineConfig } from "vite";

/** The script that stands in for other chats: one classic file, as theirs are, beside the module that it loads. */
export default defineConfig({
  publicDir: false,
  build: {
    outDir: resolve(import.meta.dirname, "../src/manent/web/static/webchat"),
    emptyOutDir: false,
    target: ["chrome111", "firefox114", "safari16.4"],
    lib: {
      entry: resolve(import.meta.dirname, "src/compat/compat.ts"),
      name: "ManentCompat",
      formats: ["iife"],
      fileName: () => "manent-compat.js",
    },
  },
});
