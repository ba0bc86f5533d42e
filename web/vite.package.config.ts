import { resolve } from "node:path";

import { defineConfig } from "vite";

/** What `npm publish` sends beside the page's own files: the protocol client without any DOM. */
export default defineConfig({
  publicDir: false,
  build: {
    outDir: resolve(import.meta.dirname, "dist"),
    emptyOutDir: false,
    minify: false,
    lib: {
      entry: resolve(import.meta.dirname, "src/client/index.ts"),
      formats: ["es"],
      fileName: () => "manent-client.js",
    },
    rollupOptions: { external: ["socket.io-client"] },
  },
});
