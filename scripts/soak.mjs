// Runs the tests that repeat something, with the full number of repetitions: pnpm soak NAME. Build first.
import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

/** What can be run, and where it stands: a part of the paths of its tests. */
const soaks = {
  "audit-retention": "packages/minter/src/audit/retention-pause.test.ts",
  flood: "apps/server/e2e/flood.test.ts",
  fuzz: "fuzz.test.ts",
  "server-kill": "apps/server/e2e/durability.test.ts",
  "tokend-kill": "apps/tokend/e2e/kill.test.ts",
  "tokend-symlinks": "apps/tokend/e2e/symlinks.test.ts",
};

const [name] = process.argv.slice(2);
if (name === undefined || !Object.hasOwn(soaks, name)) {
  console.error(`usage: pnpm soak NAME\n  ${Object.keys(soaks).join("\n  ")}`);
  process.exit(2);
}
const vitest = join(dirname(createRequire(import.meta.url).resolve("vitest/package.json")), "vitest.mjs");
const args = [vitest, "run", "--testTimeout=3600000", soaks[name]];
const { status } = spawnSync(process.execPath, args, { stdio: "inherit", env: { ...process.env, TOKENS_SOAK: "1" } });
process.exit(status ?? 1);
