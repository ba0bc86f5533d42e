import { resolve } from "node:path";

import { defineConfig } from "vite";

/**
 * What stands beside the chat and loads it at run time, one file each: `--mode compat` makes the script that stands in
 * for other chats (classic, as theirs are), `--mode studio` the page for site owners. Built apart from the chat, so
 * that the chat never loads a file of theirs.
 */
export default defineConfig(({ mode }) => {
  const isCompat = mode === "compat";
  return {
    publicDir: false,
    define: { "process.env.NODE_ENV": '"production"' },
    build: {
      outDir: resolve(import.meta.dirname, "../src/manent/web/static/webchat"),
      emptyOutDir: false,
      target: ["chrome111", "firefox114", "safari16.4"],
      lib: {
        entry: resolve(import.meta.dirname, isCompat ? "src/compat/compat.ts" : "src/studio/studio.ts"),
        name: "ManentCompat",
        formats: [isCompat ? ("iife" as const) : ("es" as const)],
        fileName: () => (isCompat ? "manent-compat.js" : "studio.js"),
      },
    },
  };
});
