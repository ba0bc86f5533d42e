/**
 * Completes the npm packages: `node dev/package.mjs chat` copies the built element, its chunks and the compatibility
 * script to `dist/`; `client` adds the schema. Both add file extensions to the imports in type declarations, which Node's
 * module resolution requires.
 */

import { copyFileSync, cpSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const web = join(import.meta.dirname, "..");

function nameFiles(folder) {
  for (const name of readdirSync(folder, { recursive: true })) {
    if (!name.endsWith(".d.ts")) continue;
    const text = readFileSync(join(folder, name), "utf8");
    const isFolder = (path) => path.endsWith("/i18n");
    writeFileSync(
      join(folder, name),
      text.replace(
        /(from |import\()"(\.{1,2}\/[^"]+)"/g,
        (_, before, path) => `${before}"${path}${isFolder(path) ? "/index" : ""}.js"`,
      ),
    );
  }
}

if (process.argv[2] === "client") {
  copyFileSync(join(web, "../docs/protocol.schema.json"), join(web, "client/dist/protocol.schema.json"));
  nameFiles(join(web, "client/dist/types"));
} else {
  cpSync(join(web, "../src/manent/web/static/webchat"), join(web, "dist"), {
    recursive: true,
    filter: (path) => !/((page|demo|studio)\.(js|css|html)|\.svg|\.br|\.gz)$/.test(path),
  });
  nameFiles(join(web, "dist/types"));
  copyFileSync(join(web, "dev/jsx.d.ts"), join(web, "dist/types/jsx.d.ts"));
  const element = join(web, "dist/types/ui/element.d.ts");
  writeFileSync(element, `import "../jsx.js";\n${readFileSync(element, "utf8")}`);
}
