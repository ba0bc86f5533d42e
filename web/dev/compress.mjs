/** Writes each text file of the bundle also as `.br` and `.gz`, which the server sends to browsers that accept them. */

import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants, createBrotliCompress, gzipSync } from "node:zlib";

/** The loader, to which the server appends the settings of a site. */
const LOADER = /webchat.manent-chat\.js$/;

const params = { [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY };

/**
 * Compress without the end of the stream, so that the server can append to it (`manent/server/brotli.py`). A flush ends
 * the last block at a whole byte.
 */
async function openBrotli(content) {
  const stream = createBrotliCompress({ params });
  const chunks = [];
  stream.on("data", (chunk) => chunks.push(chunk));
  stream.write(content);
  await new Promise((resolve) => stream.flush(constants.BROTLI_OPERATION_FLUSH, resolve));
  return Buffer.concat(chunks);
}

const root = join(import.meta.dirname, "../../src/manent/web/static");

for (const name of readdirSync(root, { recursive: true })) {
  const path = join(root, name);
  if (!/\.(js|css|html|svg)$/.test(name) || !statSync(path).isFile()) continue;
  const content = readFileSync(path);
  writeFileSync(`${path}.gz`, gzipSync(content, { level: 9 }));
  writeFileSync(`${path}.br`, brotliCompressSync(content, { params }));
  if (LOADER.test(path)) writeFileSync(`${path}.open.br`, await openBrotli(content));
}
