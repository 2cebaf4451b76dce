import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, it } from "vitest";

const MODULES = [
  "/usr/lib/softhsm/libsofthsm2.so",
  "/usr/lib64/pkcs11/libsofthsm2.so",
  "/usr/local/lib/softhsm/libsofthsm2.so",
];

/** A token of SoftHSM in a folder of its own. */
export interface SoftHsm {
  /** The PKCS#11 URI for it, with the PIN's file. */
  readonly uri: string;
  readonly modulePath: string;
  readonly pinFile: string;
  /** What programs that use it need in their environment. */
  readonly environment: Record<string, string>;
  /** Folder of the token: everything that the "device" keeps. */
  readonly folder: string;
  remove(): void;
}

/** Makes a fresh token, and tells this process where it is. */
export function makeSoftHsm(): SoftHsm {
  const modulePath = MODULES.find(existsSync);
  if (modulePath === undefined) throw new Error("SoftHSM's library is not where it usually is");
  const folder = mkdtempSync(join(tmpdir(), "softhsm-"));
  const environment = { SOFTHSM2_CONF: join(folder, "softhsm2.conf") };
  const lines = [`directories.tokendir = ${folder}`, "objectstore.backend = file", "log.level = ERROR"];
  writeFileSync(environment.SOFTHSM2_CONF, `${lines.join("\n")}\n`);
  Object.assign(process.env, environment);
  const pinFile = join(folder, "pin");
  writeFileSync(pinFile, "5678\n", { mode: 0o600 });
  const pins = ["--so-pin", "1234", "--pin", "5678"];
  execFileSync("softhsm2-util", ["--init-token", "--free", "--label", "tokens", ...pins], { stdio: "pipe" });
  const uri = `pkcs11:token=tokens?module-path=${modulePath}&pin-source=file:${pinFile}`;
  return { uri, modulePath, pinFile, environment, folder, remove: () => rmSync(folder, { recursive: true }) };
}

/** A `describe` that is skipped, with a line that says so, where there is no SoftHSM. */
export function describeWithSoftHsm(name: string, body: () => void): void {
  const missing = whatIsMissing();
  if (missing === undefined) describe(name, body);
  else describe(name, () => it.skip(`skipped: ${missing}`, () => {}));
}

function whatIsMissing(): string | undefined {
  if (!isSoftHsmInstalled()) return "SoftHSM is not installed (softhsm2-util)";
  return isDriverBuilt() ? undefined : "pkcs11js cannot be compiled here";
}

function isSoftHsmInstalled(): boolean {
  return spawnSync("softhsm2-util", ["--version"], { stdio: "ignore" }).status === 0;
}

/** Builds the driver, if need be, before any test runs: two processes that built it at once would spoil each other's. */
export function setup(): void {
  if (isSoftHsmInstalled() && !isDriverBuilt()) buildDriver();
}

/** The folder of the driver, which pnpm installs without running its build script. */
function driverFolder(): string {
  const minter = createRequire(new URL("../packages/minter/package.json", import.meta.url));
  return dirname(createRequire(minter.resolve("graphene-pk11")).resolve("pkcs11js/package.json"));
}

function isDriverBuilt(): boolean {
  return existsSync(join(driverFolder(), "build/Release/pkcs11.node"));
}

/** Compiles it with the headers that lie beside Node, in some seconds. Without a compiler there is none: its tests are skipped. */
function buildDriver(): void {
  const node = dirname(dirname(realpathSync(process.execPath)));
  const gyp = join(node, "lib/node_modules/npm/node_modules/node-gyp/bin/node-gyp.js");
  spawnSync(process.execPath, [gyp, "rebuild", `--nodedir=${node}`], { cwd: driverFolder(), stdio: "ignore" });
}
