import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

// Tests read the packages' sources, so that they pass before anything is built; only e2e tests use what the build made.
// Node itself adds "import" or "require": named here, CommonJS packages would get ES modules from require().
const conditions = ["@tokens/source", "node", "default"];

/**
 * Tests that get a process a file: SoftHSM reads where its tokens are once a process, and whatever else ran in a process can
 * be in its heap, and in its counts of timers and of bytes.
 */
const alone = [
  "packages/client/src/pkcs11-key.test.ts",
  "packages/minter/src/keys/pkcs11/*.test.ts",
  "packages/machine-auth/src/verdict-cache-heap.test.ts",
  "packages/minter/src/deadlines.test.ts",
  "packages/minter/src/rpc/clamp-deadline.test.ts",
  "packages/minter/src/rpc/prpc-body.test.ts",
  "apps/server/src/oversize-input.test.ts",
];
const never = ["**/node_modules/**", "**/dist/**"];

function project(name: string, test: { include: string[]; exclude?: string[]; isolate?: boolean }) {
  return { extends: true as const, test: { name, ...test } };
}

export default defineConfig({
  resolve: {
    conditions,
    alias: {
      "shared-vectors": fileURLToPath(new URL("scripts/shared-vectors.ts", import.meta.url)),
      "golden-files": fileURLToPath(new URL("scripts/golden-files.ts", import.meta.url)),
      "relying-party": fileURLToPath(new URL("scripts/relying-party.ts", import.meta.url)),
      "openid-provider": fileURLToPath(new URL("scripts/openid-provider.ts", import.meta.url)),
      "postgres-server": fileURLToPath(new URL("scripts/postgres-server.ts", import.meta.url)),
      fuzz: fileURLToPath(new URL("scripts/fuzz.ts", import.meta.url)),
      "soak-count": fileURLToPath(new URL("scripts/soak-count.ts", import.meta.url)),
      softhsm: fileURLToPath(new URL("scripts/softhsm.ts", import.meta.url)),
    },
  },
  ssr: { resolve: { conditions, externalConditions: conditions } },
  test: {
    exclude: never,
    // Most of the time tests wait: for processes, commits and deadlines. The default is one worker less than there are cores.
    maxWorkers: Math.max(2, availableParallelism()),
    globalSetup: fileURLToPath(new URL("scripts/softhsm.ts", import.meta.url)),
    execArgv: ["--import", fileURLToPath(new URL("scripts/ts-workers.mjs", import.meta.url))],
    // A machine at a tenth of the usual speed must pass too; what these limits catch is what never ends.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 60_000 } },
    reporters: ["default", "./scripts/count-reporter.mjs"],
    projects: [
      // One process runs many of these files and loads the sources once: a third less time. They share no state but modules.
      project("unit", {
        include: ["{packages,apps}/*/src/**/*.test.ts", "scripts/**/*.test.ts"],
        exclude: [...never, ...alone],
        isolate: false,
      }),
      project("alone", { include: alone }),
      project("e2e", { include: ["{packages,apps}/*/e2e/**/*.test.ts", "examples/**/*.test.ts"] }),
    ],
  },
});
