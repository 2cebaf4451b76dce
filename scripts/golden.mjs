// Makes the frozen files that are not there, from the keys that are. To make one anew, delete it first: a changed byte is
// a changed protocol.
import { spawnSync } from "node:child_process";

const { status } = spawnSync("vitest", ["run", "golden"], {
  stdio: "inherit",
  env: { ...process.env, GOLDEN: "write" },
  shell: process.platform === "win32",
});
process.exitCode = status ?? 1;
