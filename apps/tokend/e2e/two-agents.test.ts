import { readFileSync, writeFileSync } from "node:fs";
import { parseTokenFile, serializeTokenFile } from "@tokens/client/token-file";
import { expect, it } from "vitest";
import { makeMachine } from "../test/machine.js";
import { startMinter } from "../test/minter-stand-in.js";
import { runAgent } from "./agent.js";
import { watchToken } from "./token-watch.js";

it("fifty agents that refresh one file at once never show its readers an older token", async () => {
  const minter = await startMinter();
  const machine = await makeMachine(`127.0.0.1:${minter.port}`);
  // Some calls get a token that expires earlier than one that was handed out before.
  const begin = Date.now();
  const expiries: number[] = [];
  minter.clock = () => {
    const at = begin + ((minter.calls * 37) % 100) * 1000;
    expiries.push(Math.floor(at / 1000) + minter.lifetime);
    return at;
  };
  expect(await runAgent(machine.flags())).toMatchObject({ code: 0 });
  const path = machine.file("token.json");
  const half = { ...parseTokenFile(readFileSync(path, "utf8")), next_update: 1 };
  writeFileSync(path, serializeTokenFile(half), { mode: 0o600 });
  const watch = watchToken(path);
  const agents = Array.from({ length: 50 }, () =>
    runAgent(machine.flags("-token-file-copy", machine.file("copy.json"))),
  );
  const codes = (await Promise.all(agents)).map(({ code }) => code);
  watch.stop();
  expect(codes).toEqual(codes.map(() => 0));
  expect(watch.offences).toEqual([]);
  expect(minter.calls).toBeGreaterThan(1);
  const [token, copy] = ["token.json", "copy.json"].map((name) => readFileSync(machine.file(name), "utf8"));
  expect(parseTokenFile(token ?? "").expiry).toBe(Math.max(...expiries));
  expect(copy).toBe(token);
  minter.close();
  machine.remove();
});
