// Packs every publishable package as it would be published, and looks at the result with publint and attw.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const folder = mkdtempSync(join(tmpdir(), "packages-"));
try {
  for (const name of readdirSync("packages")) {
    execFileSync("pnpm", ["--dir", `packages/${name}`, "pack", "--pack-destination", folder], { stdio: "pipe" });
  }
  for (const tarball of readdirSync(folder).map((file) => join(folder, file))) {
    for (const check of [
      ["publint", "--strict", tarball],
      ["attw", "--profile", "esm-only", tarball],
    ]) {
      execFileSync(check[0], check.slice(1), { stdio: "pipe", encoding: "utf8" });
    }
  }
} catch (error) {
  console.error(error.stdout ?? "", error.stderr ?? "", error.message);
  process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true });
}
