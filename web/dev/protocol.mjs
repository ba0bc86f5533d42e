/**
 * Makes `src/client/protocol.ts` from `docs/protocol.schema.json`: `node dev/protocol.mjs`.
 *
 * Knows the part of JSON Schema that the file uses and refuses the rest. A test compares what it makes with what is there.
 */

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { format, resolveConfig } from "prettier";

const root = join(import.meta.dirname, "../..");
export const target = join(root, "web/src/client/protocol.ts");

const KNOWN = new Set(
  "$ref additionalProperties allOf const description enum items maximum maxLength minimum minLength oneOf properties required type unevaluatedProperties".split(
    " ",
  ),
);
const SIMPLE = { string: "string", number: "number", integer: "number", boolean: "boolean", null: "null" };
const comment = (text) => (text === undefined ? "" : `/** ${text} */\n`);
const name = (ref) => ref.replace("#/$defs/", "");

function typeOf(schema) {
  for (const key of Object.keys(schema)) if (!KNOWN.has(key)) throw new Error(`unknown keyword: ${key}`);
  if (schema.$ref) return name(schema.$ref);
  if ("const" in schema) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  if (schema.oneOf) return schema.oneOf.map(typeOf).join(" | ");
  if (schema.type === "array") return `readonly ${typeOf(schema.items)}[]`;
  if (schema.type === "object") return objectOf(schema);
  const kinds = [schema.type].flat().map((type) => SIMPLE[type]);
  if (kinds.includes(undefined)) throw new Error(`no type for ${JSON.stringify(schema)}`);
  return kinds.join(" | ");
}

function objectOf(schema) {
  const required = new Set(schema.required);
  const fields = Object.entries(schema.properties ?? {}).map(
    ([key, value]) =>
      `${comment(value.description)}${key}${required.has(key) ? "" : "?"}: ${typeOf(value)};\n`,
  );
  const open = schema.additionalProperties
    ? [`{ [key: string]: ${typeOf(schema.additionalProperties)} }`]
    : [];
  const own = fields.length > 0 || open.length === 0 ? [`{\n${fields.join("")}}`] : [];
  return [...(schema.allOf ?? []).map(typeOf), ...own, ...open].join(" & ");
}

function tableOf(title, text, entries) {
  return `${comment(text)}export interface ${title} {\n${entries.map(([key, type]) => `${key}: ${type};\n`).join("")}}\n`;
}

export async function make() {
  const schema = JSON.parse(readFileSync(join(root, "docs/protocol.schema.json"), "utf8"));
  const { Json, ...others } = schema.$defs;
  const types = Object.entries(others).map(
    ([title, type]) => `${comment(type.description)}export type ${title} = ${typeOf(type)};\n`,
  );
  const requests = Object.entries(schema["x-requests"]).map(([key, { payload, answer }]) => [
    key,
    `{ payload: ${typeOf(payload)}; answer: ${typeOf(answer)} }`,
  ]);
  const events = Object.entries(schema["x-events"]).map(([key, payload]) => [key, typeOf(payload)]);
  const text = [
    "/** The words of protocol 1 as they travel. Made by `dev/protocol.mjs` from `docs/protocol.schema.json`. */\n",
    `${comment(Json.description)}export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };\n`,
    ...types,
    tableOf("Requests", "What can be asked, and what is answered unless it is refused.", requests),
    tableOf("Events", "What the server says by itself.", events),
  ].join("\n");
  return format(text, { ...(await resolveConfig(target)), parser: "typescript" });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(target, await make());
