/** In a fresh checkout, builds the package `@manent/chat`, which this example uses from `../../web`. */

import { execSync } from "node:child_process";
import { existsSync } from "node:fs";

const web = "../../web";
if (!existsSync("node_modules/@manent/chat/dist/manent-chat.js")) {
  const run = (command) => execSync(command, { cwd: web, stdio: "inherit" });
  if (!existsSync(`${web}/node_modules/vite`)) run("npm ci --no-audit --no-fund");
  run("npm run build");
  run("npm run build:chat");
}
