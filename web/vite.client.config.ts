import { resolve } from "node:path";

import { defineConfig } from "vite";

/** `@manent/client`: the protocol client without any DOM, as `client/` publishes it. */
export default defineConfig({
  publicDir: false,
  build: {
    outDir: resolve(import.meta.dirname, "client/dist"),
    emptyOutDir: true,
    minify: false,
    lib: {
      entry: resolve(import.meta.dirname, "src/client/index.ts"),
      formats: ["es"],
      fileName: () => "manent-client.js",
    },
    rollupOptions: { external: ["socket.io-client"] },
  },
});
