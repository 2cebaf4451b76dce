import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { parseTokenFile } from "@tokens/client/token-file";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Machine, makeMachine } from "../test/machine.js";
import { type MinterStandIn, startMinter } from "../test/minter-stand-in.js";
import { Keeper } from "./keeper.js";
import { RunLog } from "./log.js";
import { runOnce } from "./one-shot.js";
import { decodeState } from "./tokend-state.js";

const MINUTE = 60_000;

let minter: MinterStandIn;
let machine: Machine;
let now: { wallMs: number; monotonicMs: number };
let keeper: Keeper;
let logged: string;

/** The real runs with a real server and real files, by clocks that the test moves. */
function startKeeper(splay = 0): Keeper {
  const flags = machine.parsed("-status-file", machine.file("status.json"), "-timeout", "60s");
  return new Keeper({
    run: (isDue) => {
      const log = new RunLog(
        (line) => (logged += line),
        process.pid,
        () => now.wallMs,
      );
      const interruption = { signal: new AbortController().signal };
      return runOnce(flags, { log, interruption, clock: () => now.wallMs, attempts: 1, isDue });
    },
    clock: () => now,
    random: () => 0.5,
    splay,
  });
}

beforeEach(async () => {
  now = { wallMs: Date.parse("2026-06-01T12:00:00Z"), monotonicMs: 1000 };
  logged = "";
  minter = await startMinter();
  minter.clock = () => now.wallMs;
  machine = await makeMachine(`127.0.0.1:${minter.port}`);
  keeper = startKeeper();
});
afterEach(() => {
  minter.close();
  machine.remove();
});

const pass = (ms: number) => void (now = { wallMs: now.wallMs + ms, monotonicMs: now.monotonicMs + ms });
/** Lets time go by, with a run whenever it is time for one. */
async function live(ms: number): Promise<void> {
  const end = now.monotonicMs + ms;
  for (;;) {
    const waitMs = keeper.waitMs();
    if (now.monotonicMs + waitMs > end) return pass(end - now.monotonicMs);
    pass(waitMs);
    await keeper.tick();
  }
}
const written = () => parseTokenFile(readFileSync(machine.file("token.json"), "utf8"));
const status = () => JSON.parse(readFileSync(machine.file("status.json"), "utf8")) as Record<string, string>;

describe("Keeper", () => {
  it("gets a token at once, and the next at half of its life", async () => {
    expect((await keeper.tick())?.luci_machine_token).toBe("token-1");
    expect(written().luci_machine_token).toBe("token-1");
    await live(29 * MINUTE);
    expect(minter.calls).toBe(1);
    await live(2 * MINUTE);
    expect([minter.calls, written().luci_machine_token]).toEqual([2, "token-2"]);
    expect(status()).toMatchObject({ update_outcome: expect.stringMatching(/UPDATE_SUCCESS|TOKEN_IS_GOOD/) as string });
  });

  it("goes earlier on hosts with another splay", async () => {
    keeper = startKeeper(0.99);
    await keeper.tick();
    await live(25 * MINUTE);
    expect(minter.calls).toBe(2);
  });

  it("takes a good token that lies there when it starts", async () => {
    await keeper.tick();
    pass(10 * MINUTE);
    keeper = startKeeper();
    expect(await keeper.tick()).toBeUndefined();
    expect([minter.calls, keeper.usableToken()?.luci_machine_token]).toEqual([1, "token-1"]);
    await live(21 * MINUTE);
    expect(minter.calls).toBe(2);
  });

  it("serves its token through 25 of 60 minutes without a server, and calls it seldom", async () => {
    await keeper.tick();
    await live(29 * MINUTE);
    minter.behaviour = "unavailable";
    const before = minter.calls;
    for (let minute = 0; minute < 25; minute++) {
      await live(MINUTE);
      expect(keeper.usableToken()?.luci_machine_token).toBe("token-1");
      expect(written().luci_machine_token).toBe("token-1");
    }
    expect(minter.calls - before).toBeLessThan(60);
    expect(status()).toMatchObject({ update_outcome: "UNKNOWN_RPC_ERROR", update_reason: "TOKEN_EXPIRES" });
    minter.behaviour = "mint";
    await live(3 * MINUTE);
    expect(keeper.usableToken()?.luci_machine_token).not.toBe("token-1");
  });

  it("has no usable token once it is over, and says how the runs ended", async () => {
    await keeper.tick();
    minter.behaviour = "refuse";
    await live(61 * MINUTE);
    expect(keeper.usableToken()).toBeUndefined();
    const { outcomes, last } = keeper.history;
    expect(outcomes.get("UPDATE_SUCCESS")).toBe(1);
    expect(outcomes.get("MINT_TOKEN_ERROR_UNTRUSTED_CERTIFICATE")).toBeGreaterThan(10);
    expect(last?.token.luci_machine_token).toBe("token-1");
  });

  it.each([
    ["forward", 60 * MINUTE],
    ["back", -60 * MINUTE],
  ])("does not mint in a loop when the clock jumps an hour %s", async (_, jump) => {
    await keeper.tick();
    await live(5 * MINUTE);
    now = { ...now, wallMs: now.wallMs + jump };
    await live(10 * MINUTE);
    expect(minter.calls).toBeLessThanOrEqual(2);
    now = { ...now, wallMs: now.wallMs - jump };
    await live(20 * MINUTE);
    expect(minter.calls).toBeLessThanOrEqual(4);
    expect(keeper.usableToken()).toBeDefined();
  });

  it("refreshes within a minute after a suspended machine wakes up", async () => {
    await keeper.tick();
    now = { ...now, wallMs: now.wallMs + 50 * MINUTE };
    await live(MINUTE);
    expect(minter.calls).toBe(2);
  });

  it("gets a new token within a minute after the certificate changed, and none while it does not fit the key", async () => {
    await keeper.tick();
    const digest = () => decodeState(written().tokend_state)?.inputsDigest;
    const [first, other] = [digest(), await makeMachine("unused")];
    writeFileSync(machine.file("cert.pem"), readFileSync(other.file("cert.pem")));
    await live(MINUTE);
    expect(status()).toMatchObject({ update_outcome: "CANT_READ_KEY" });
    expect([minter.calls, keeper.usableToken()?.luci_machine_token]).toEqual([1, "token-1"]);
    writeFileSync(machine.file("key.pem"), readFileSync(other.file("key.pem")));
    await live(2 * MINUTE);
    expect(minter.calls).toBe(2);
    expect(digest()).not.toBe(first);
    other.remove();
  });

  it("writes the token file again when somebody takes it away", async () => {
    await keeper.tick();
    rmSync(machine.file("token.json"));
    await live(MINUTE);
    expect(written().luci_machine_token).toBe("token-2");
  });

  it("does not mint more than twice a minute, however short the tokens live", async () => {
    minter.lifetime = 1;
    await keeper.tick();
    await live(10 * MINUTE);
    expect(minter.calls).toBeLessThanOrEqual(22);
  });

  it("never logs a token", async () => {
    await keeper.tick();
    minter.behaviour = "unavailable";
    await live(40 * MINUTE);
    expect(logged).toContain("down");
    expect(logged).not.toContain("token-1");
  });
});
