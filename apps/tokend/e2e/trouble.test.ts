import { execFileSync, spawn } from "node:child_process";
import {
  chmodSync,
  chownSync,
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { parseTokenFile, serializeTokenFile } from "@tokens/client/token-file";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Machine, makeMachine } from "../test/machine.js";
import { type MinterStandIn, startMinter } from "../test/minter-stand-in.js";
import { bundle, runAgent, watch } from "./agent.js";

let minter: MinterStandIn;
let machine: Machine;
let state: string;
beforeEach(async () => {
  minter = await startMinter();
  machine = await makeMachine(`127.0.0.1:${minter.port}`);
  state = machine.file("state");
  mkdirSync(state);
});
afterEach(() => {
  minter.close();
  machine.remove();
});

const tokenFile = () => join(state, "token.json");
const flags = (...more: string[]) =>
  machine.flags("-token-file", tokenFile(), "-status-file", machine.file("status.json"), ...more);
const written = () => parseTokenFile(readFileSync(tokenFile(), "utf8"));
function outcome(): unknown {
  const status = JSON.parse(readFileSync(machine.file("status.json"), "utf8")) as Record<string, unknown>;
  return [status["update_outcome"], status["update_reason"]];
}
/** A first run that ends well. */
const mintFirst = async () => expect(await runAgent(flags())).toMatchObject({ code: 0 });

const isRoot = process.getuid?.() === 0;
const canMount = ((): boolean => {
  if (process.platform !== "linux" || !isRoot) return false;
  try {
    execFileSync("unshare", ["-m", "true"], { stdio: "pipe" });
    return true;
  } catch {
    return false;
  }
})();

describe("no room for the token", () => {
  it("keeps the old one when files may not grow (RLIMIT_FSIZE)", async () => {
    await mintFirst();
    const before = readFileSync(tokenFile(), "utf8");
    const command = `ulimit -f 0; exec "$0" "$@"`;
    const args = [process.execPath, bundle, ...machine.flags("-token-file", tokenFile(), "-force-refresh")];
    const agent = watch(spawn("sh", ["-c", command, ...args]));
    const { code, stderr } = await agent.ended;
    expect([code, stderr]).toEqual([1, expect.stringContaining("EFBIG")]);
    expect(readFileSync(tokenFile(), "utf8")).toBe(before);
    expect(readdirSync(state)).toEqual(["token.json"]);
  });

  it.skipIf(!canMount)("keeps the old one on a full disk (needs root and mount)", async () => {
    // The mount is seen by this shell alone, and gone with it.
    const script = `mount -t tmpfs -o size=16k none "$STATE" || exit 77
      "$NODE" "$AGENT" "$@" || exit 78
      cp "$STATE/token.json" "$STATE/../before.json"
      dd if=/dev/zero of="$STATE/fill" bs=1k count=64 2>/dev/null
      "$NODE" "$AGENT" "$@" -force-refresh; code=$?
      cmp "$STATE/token.json" "$STATE/../before.json" && [ "$(ls "$STATE")" = "fill
token.json" ] && exit $code
      exit 79`;
    const env = { ...process.env, STATE: state, NODE: process.execPath, AGENT: bundle };
    const agent = watch(spawn("unshare", ["-m", "sh", "-c", script, "sh", ...flags()], { env }));
    const { code, stderr } = await agent.ended;
    expect([code, stderr]).toEqual([1, expect.stringContaining("ENOSPC")]);
    expect(outcome()).toEqual(["UNKNOWN_SAVE_TOKEN_ERROR", "FORCE_REFRESH"]);
  });
});

describe("no permission to write", () => {
  it.skipIf(!canMount)("keeps the old token in a read-only folder (needs root and mount)", async () => {
    await mintFirst();
    const script = `mount --bind "$STATE" "$STATE" && mount -o remount,ro,bind "$STATE" || exit 77
      exec "$NODE" "$AGENT" "$@"`;
    const env = { ...process.env, STATE: state, NODE: process.execPath, AGENT: bundle };
    const agent = watch(spawn("unshare", ["-m", "sh", "-c", script, "sh", ...flags("-force-refresh")], { env }));
    const { code, stderr } = await agent.ended;
    expect([code, stderr]).toEqual([1, expect.stringContaining("EROFS")]);
    expect(outcome()).toEqual(["UNKNOWN_SAVE_TOKEN_ERROR", "FORCE_REFRESH"]);
    expect(written().luci_machine_token).toBe("token-1");
  });

  it("says so where the folder belongs to somebody else", async () => {
    await mintFirst();
    // Root may write anywhere: then somebody else runs the agent.
    const other = isRoot ? { uid: 65_534, gid: 65_534 } : {};
    if (isRoot) {
      for (const path of [machine.folder, machine.file("key.pem")]) chownSync(path, 65_534, 65_534);
      rmSync(machine.file("status.json"));
    }
    const agent = machine.file("tokend.cjs");
    copyFileSync(bundle, agent);
    chmodSync(state, 0o555);
    const { code } = await runAgent(flags("-force-refresh"), { ...other, cwd: machine.folder }, agent);
    chmodSync(state, 0o755);
    expect(code).toBe(1);
    // Who may not read the old token needs a new one.
    expect(outcome()).toEqual(["SAVE_TOKEN_PERM_ERROR", isRoot ? "NEW_TOKEN" : "FORCE_REFRESH"]);
    expect(written().luci_machine_token).toBe("token-1");
  });
});

describe("trouble with the server", () => {
  it("keeps the old token when the server accepts and hangs", async () => {
    await mintFirst();
    const hanging = createServer();
    await new Promise<void>((resolve) => hanging.listen(0, "127.0.0.1", resolve));
    const backend = `127.0.0.1:${(hanging.address() as AddressInfo).port}`;
    const { code } = await runAgent(flags("-backend", backend, "-timeout", "1s"));
    expect([code, outcome()]).toEqual([1, ["GRPC_ERROR_4", "PARAMS_CHANGE"]]);
    expect(written().luci_machine_token).toBe("token-1");
    hanging.close();
  });

  it.each([
    ["down", "unavailable", "1s", "GRPC_ERROR_4"],
    ["sure that it will not", "refuse", "10m", "MINT_TOKEN_ERROR_UNTRUSTED_CERTIFICATE"],
  ] as const)("keeps the old token when the server is %s", async (_, behaviour, timeout, expected) => {
    await mintFirst();
    minter.behaviour = behaviour;
    const { code } = await runAgent(flags("-force-refresh", "-timeout", timeout));
    expect([code, outcome()]).toEqual([1, [expected, "FORCE_REFRESH"]]);
    expect(written().luci_machine_token).toBe("token-1");
  });
});

describe("a clock that jumps by an hour", () => {
  /** The token file as it is when everything in it is that many seconds later. */
  const shift = (seconds: number) => {
    const { expiry = 0, last_update: last = 0, next_update: next = 0, ...rest } = written();
    const moved = { ...rest, expiry: expiry + seconds, last_update: last + seconds, next_update: next + seconds };
    writeFileSync(tokenFile(), serializeTokenFile(moved), { mode: 0o600 });
  };

  it("forward: the token seems over, and is refreshed", async () => {
    await mintFirst();
    shift(-3600);
    expect(await runAgent(flags())).toMatchObject({ code: 0 });
    expect([outcome(), minter.calls]).toEqual([["UPDATE_SUCCESS", "TOKEN_EXPIRES"], 2]);
  });

  it("back: the token is kept, however often it is looked at", async () => {
    await mintFirst();
    shift(3600);
    for (let run = 0; run < 3; run++) expect(await runAgent(flags())).toMatchObject({ code: 0 });
    expect([outcome(), minter.calls]).toEqual([["TOKEN_IS_GOOD", "TOKEN_IS_GOOD"], 1]);
  });
});
