import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { soakCount } from "soak-count";
import { expect, it } from "vitest";
import { writeAtomically } from "../src/atomic-write.js";
import { bundleScript, startScript } from "../test/script.js";

/**
 * Puts links to the victim in place of the folder, of the file, and of every temporary file that it sees, as fast as it
 * can, and puts the folder back in between.
 */
const attacker = `
  import { readdirSync, renameSync, rmSync, symlinkSync, unlinkSync } from "node:fs";
  const [room] = process.argv.slice(2);
  const [folder, hidden, victim] = ["folder", "hidden", "victim"].map((name) => room + "/" + name);
  const attempt = (act) => { try { act(); } catch {} };
  let swaps = 0;
  const swap = () => {
    for (let i = 0; i < 20; i++) {
      attempt(() => { renameSync(folder, hidden); symlinkSync(victim, folder); swaps++; });
      attempt(() => { unlinkSync(folder); renameSync(hidden, folder); });
      attempt(() => rmSync(folder + "/token.json"));
      attempt(() => symlinkSync(victim + "/token.json", folder + "/token.json"));
      for (const name of readdirSync(folder)) {
        if (!name.endsWith(".tmp")) continue;
        attempt(() => { unlinkSync(folder + "/" + name); symlinkSync(victim + "/precious", folder + "/" + name); });
      }
    }
    if (swaps < 100 || swaps % 1000 < 20) console.log(swaps);
    setImmediate(swap);
  };
  swap();`;

it("never touches a file outside of the folder, whatever links somebody puts in the way", async () => {
  const room = mkdtempSync(join(tmpdir(), "symlinks-"));
  const [folder, victim] = [join(room, "folder"), join(room, "victim")];
  mkdirSync(folder);
  mkdirSync(victim);
  writeFileSync(join(victim, "precious"), "precious");
  writeFileSync(join(victim, "token.json"), "victim's token");
  const attack = startScript(await bundleScript(attacker, join(room, "attack.cjs")), [room]);
  let swaps = 0;
  attack.stdout?.on("data", (chunk) => (swaps = Number(String(chunk).trim().split("\n").at(-1))));
  await once(attack.stdout ?? attack, "data");
  const signal = new AbortController().signal;
  const options = { mode: 0o600, followLinks: false, strictPermissions: false, signal, warn: () => undefined };
  const writes = soakCount(10_000);
  let [written, failed] = [0, 0];
  // On, until it has met the attacker and got through: on a busy machine each may run alone for a while.
  for (let i = 0; i < writes || written === 0 || failed === 0; i++) {
    const write = writeAtomically(join(folder, "token.json"), `token ${i}`, options);
    await write.then(
      () => written++,
      () => failed++,
    );
  }
  attack.kill("SIGKILL");
  await once(attack, "exit");
  expect(readdirSync(victim).toSorted()).toEqual(["precious", "token.json"]);
  expect(readFileSync(join(victim, "precious"), "utf8")).toBe("precious");
  expect(readFileSync(join(victim, "token.json"), "utf8")).toBe("victim's token");
  expect(swaps).toBeGreaterThan(0);
  rmSync(room, { recursive: true });
});
