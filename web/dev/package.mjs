/** Gathers what is published to npm: the built element, its chunks and the compatibility script. */

import { cpSync, rmSync } from "node:fs";
import { join } from "node:path";

const dist = join(import.meta.dirname, "../dist");
rmSync(dist, { recursive: true, force: true });
cpSync(join(import.meta.dirname, "../../src/manent/web/static/webchat"), dist, {
  recursive: true,
  filter: (path) => !/((page|studio)\.(js|css|html)|icon\.svg)$/.test(path),
});
