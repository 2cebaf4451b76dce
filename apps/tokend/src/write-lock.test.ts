import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { bundleScript, startScript } from "../test/script.js";
import { takeLock } from "./write-lock.js";

let folder: string;
beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), "lock-"))));
afterAll(() => rmSync(folder, { recursive: true }));

describe.skipIf(process.platform !== "linux")("takeLock", () => {
  it("gives a name to one at a time", async () => {
    const name = randomUUID();
    const unlock = await takeLock(name);
    expect(unlock).toBeTypeOf("function");
    expect(await takeLock(name, 0)).toBeUndefined();
    expect(await takeLock(`${name}-other`, 0)).toBeTypeOf("function");
    await unlock?.();
    expect(await takeLock(name, 0)).toBeTypeOf("function");
  });

  it("lets the next in as soon as the lock is free", async () => {
    const name = randomUUID();
    let holders = 0;
    const work = async () => {
      const unlock = await takeLock(name, 60_000);
      holders++;
      const most = holders;
      await new Promise((resolve) => setTimeout(resolve, 5));
      holders--;
      await unlock?.();
      return most;
    };
    expect(await Promise.all(Array.from({ length: 8 }, work))).toEqual(Array(8).fill(1));
  });

  it("is free again when its holder is killed", async () => {
    const name = randomUUID();
    const script = await bundleScript(
      `import { takeLock } from "./write-lock.js";
       void takeLock(process.argv[2] ?? "").then(() => (console.log("held"), setInterval(() => undefined, 1000)));`,
      join(folder, "hold.cjs"),
    );
    const child = startScript(script, [name]);
    await once(child.stdout ?? child, "data");
    expect(await takeLock(name, 0)).toBeUndefined();
    child.kill("SIGKILL");
    await once(child, "exit");
    expect(await takeLock(name, 60_000)).toBeTypeOf("function");
  });
});
