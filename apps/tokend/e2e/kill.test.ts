import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { soakCount } from "soak-count";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type Machine, makeMachine } from "../test/machine.js";
import { type MinterStandIn, startMinter } from "../test/minter-stand-in.js";
import { bundleScript, startScript } from "../test/script.js";
import { runAgent, startAgent } from "./agent.js";
import { watchToken } from "./token-watch.js";

let minter: MinterStandIn;
let machine: Machine;
let room: string;
beforeAll(async () => {
  minter = await startMinter();
  // Every token expires a second later than the one before.
  const begin = Date.now();
  minter.clock = () => begin + minter.calls * 1000;
  machine = await makeMachine(`127.0.0.1:${minter.port}`);
  room = mkdtempSync(join(tmpdir(), "kill-"));
});
afterAll(() => {
  minter.close();
  machine.remove();
  rmSync(room, { recursive: true });
});

/** Half of the kills come while it calls and writes, the others at any time of a run. */
const moments = [0, 1, 2, 4, 6, 8, 12, 16];

it("an agent that is killed at any time leaves its readers a whole token, never an older one", async () => {
  expect(await runAgent(machine.flags())).toMatchObject({ code: 0 });
  const watch = watchToken(machine.file("token.json"));
  const kills = soakCount(1000, 20);
  let killed = 0;
  for (let i = 0; i < kills; i++) {
    const agent = startAgent(machine.flags("-force-refresh"));
    if (i % 2 === 0) await agent.logs("] RPC ").catch(() => undefined);
    await sleep(i % 2 === 0 ? moments[(i / 2) % moments.length] : Math.random() * 80);
    agent.child.kill("SIGKILL");
    if ((await agent.ended).signal === "SIGKILL") killed++;
  }
  expect(await runAgent(machine.flags("-force-refresh"))).toMatchObject({ code: 0 });
  watch.stop();
  expect(watch.offences).toEqual([]);
  expect([killed, watch.seen.reads]).toEqual([expect.any(Number), expect.any(Number)]);
  expect(killed).toBeGreaterThan(kills / 4);
  expect(readdirSync(machine.folder).filter((name) => name.includes(".tmp"))).toEqual([]);
});

it("a writer that is killed while it does nothing but write leaves its readers a whole token, too", async () => {
  const token = join(room, "token.json");
  const script = await bundleScript(
    `import { readFileSync } from "node:fs";
     import { parseTokenFile } from "@tokens/client/token-file";
     import { saveToken } from "./save-token.js";
     import { encodeState } from "./tokend-state.js";
     const path = process.argv[2] ?? "";
     const present = (() => { try { return parseTokenFile(readFileSync(path, "utf8")).expiry ?? 0; } catch { return 0; } })();
     const signal = new AbortController().signal;
     const options = { mode: 0o600, followLinks: false, strictPermissions: false, signal, warn: () => undefined };
     const tokend_state = encodeState({ inputsDigest: "d" });
     void (async () => {
       for (let expiry = present + 1; ; expiry++) {
         const { error } = await saveToken([path], { luci_machine_token: "t".repeat(900), expiry, tokend_state }, options);
         if (error) throw error;
         if (expiry === present + 1) console.log("writing");
       }
     })();`,
    join(room, "write.cjs"),
  );
  let watch: ReturnType<typeof watchToken> | undefined;
  for (let i = 0; i < soakCount(1000, 20); i++) {
    const child = startScript(script, [token]);
    await once(child.stdout ?? child, "data");
    watch ??= watchToken(token);
    await sleep(Math.random() * 20);
    child.kill("SIGKILL");
    await once(child, "exit");
  }
  watch?.stop();
  expect(watch?.offences).toEqual([]);
  expect(watch?.seen.expiry).toBeGreaterThan(50);
  // The last writer left at most its own file; the next one removes it.
  expect(readdirSync(room).filter((name) => name.includes(".tmp")).length).toBeLessThanOrEqual(1);
});
