import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { bundleScript, startScript } from "../test/script.js";
import { parseRenewalSignal, type RenewalHooks, runRenewalHooks } from "./renewal-hooks.js";

let folder: string;
let warnings: string[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "hooks-"));
  warnings = [];
});
afterEach(() => rmSync(folder, { recursive: true }));

const file = (name: string) => join(folder, name);
const run = (hooks: Partial<RenewalHooks>) =>
  runRenewalHooks({ command: "", signal: undefined, ...hooks }, { file: "/x/token.json", expiry: 99 }, (message) =>
    warnings.push(message),
  );

describe("runRenewalHooks", () => {
  it("runs a line of the shell, which learns where the token is", async () => {
    await run({ command: `echo "$TOKEND_TOKEN_FILE until $TOKEND_TOKEN_EXPIRY" > ${file("out")}; true` });
    expect([readFileSync(file("out"), "utf8"), warnings]).toEqual(["/x/token.json until 99\n", []]);
  });

  it("tells of a command that fails, and goes on", async () => {
    await run({ command: "echo went wrong >&2; exit 3" });
    expect(warnings).toEqual(["the command after a renewal failed: went wrong"]);
  });

  it("signals the process whose number is in the file", async () => {
    const code = `process.on("SIGHUP", () => process.exit(42)); setInterval(() => {}, 1000); console.log("up");`;
    const child = startScript(await bundleScript(code, file("wait.cjs")));
    await once(child.stdout ?? child, "data");
    writeFileSync(file("pid"), `${child.pid}\n`);
    await run({ signal: { name: "SIGHUP", pidFile: file("pid") } });
    expect(await once(child, "exit")).toEqual([42, null]);
    expect(warnings).toEqual([]);
  });

  it.each(["", "x", "0", "-1", "1", "1.5", "99999999"])("signals nobody when the file says %j", async (text) => {
    writeFileSync(file("pid"), text);
    await run({ signal: { name: "SIGHUP", pidFile: file("pid") }, command: `touch ${file("ran")}` });
    expect(warnings).toEqual([expect.stringContaining("SIGHUP was not sent")]);
    expect(existsSync(file("ran"))).toBe(true);
  });
});

it("parseRenewalSignal reads a signal and a file", () => {
  expect(parseRenewalSignal("SIGHUP:/run/app.pid")).toEqual({ name: "SIGHUP", pidFile: "/run/app.pid" });
  for (const text of ["", "HUP:/run/app.pid", "SIGKILL:/run/app.pid", "SIGHUP", "SIGHUP:"])
    expect(parseRenewalSignal(text)).toBeUndefined();
});
