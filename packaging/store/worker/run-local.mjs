// Runs worker.mjs on loopback with a D1 in memory: node run-local.mjs [PORT]; needs the npm package miniflare.
import { readFileSync } from "node:fs";
import { Miniflare } from "miniflare";
const file = name => readFileSync(new URL(name, import.meta.url), "utf8");
const miniflare = new Miniflare({
  modules: true, script: file("worker.mjs"),        // a scriptPath outside the working directory is refused
  d1Databases: ["DB"], compatibilityDate: "2025-01-01",
  host: "127.0.0.1", port: Number(process.argv[2] ?? 0), cf: false,
});
const database = await miniflare.getD1Database("DB");
for (const statement of file("schema.sql").trim().split("\n")) await database.exec(statement);
console.log(String(await miniflare.ready));
