import { execFileSync, spawn } from "node:child_process";
import { copyFileSync, openSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { parseTokenFile, serializeTokenFile } from "@tokens/client/token-file";
import { describeWithSoftHsm, makeSoftHsm } from "softhsm";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Machine, makeMachine } from "../test/machine.js";
import { type MinterStandIn, startMinter } from "../test/minter-stand-in.js";
import { bundle, runAgent, watch } from "./agent.js";

let minter: MinterStandIn;
let machine: Machine;
beforeEach(async () => {
  minter = await startMinter();
  machine = await makeMachine(`127.0.0.1:${minter.port}`);
});
afterEach(() => {
  minter.close();
  machine.remove();
});

const written = () => parseTokenFile(readFileSync(machine.file("token.json"), "utf8"));

describe("metrics in a file", () => {
  const metrics = () => JSON.parse(readFileSync(machine.file("metrics.json"), "utf8")) as Record<string, unknown>;
  const endpoint = () => `file://${machine.file("metrics.json")}`;

  it("are written at the end of each run, failed ones too", async () => {
    await runAgent(machine.flags("-ts-mon-endpoint", endpoint()));
    expect(Object.keys(metrics())).toHaveLength(9);
    expect(metrics()).toMatchObject({ "luci/machine_tokend/update_outcome": "UPDATE_SUCCESS" });
    rmSync(machine.file("key.pem"));
    expect(await runAgent(machine.flags("-ts-mon-endpoint", endpoint()))).toMatchObject({ code: 1 });
    expect(metrics()).toMatchObject({ "luci/machine_tokend/update_outcome": "CANT_READ_KEY" });
  });

  it.each([
    ["https://example.com/metrics", "no metrics are sent"],
    ["file:///does/not/exist/metrics", "cannot write the metrics"],
  ])("never change the exit code: %s", async (target, words) => {
    const { code, stderr } = await runAgent(machine.flags("-ts-mon-endpoint", target, "-ts-mon-flush=auto"));
    expect([code, stderr]).toEqual([0, expect.stringContaining(words)]);
    expect(stderr).toContain("ignored flags: -ts-mon-flush");
  });
});

describe("where the key comes from", () => {
  const without = (source: string) => machine.flags("-pkey-pem", source);

  it("stdin", async () => {
    const agent = watch(spawn(process.execPath, [bundle, ...without("-")]));
    agent.child.stdin?.end(readFileSync(machine.file("key.pem")));
    expect(await agent.ended).toMatchObject({ code: 0 });
    expect(written().luci_machine_token).toBe("token-1");
  });

  it("a descriptor", async () => {
    const stdio = ["ignore", "pipe", "pipe", openSync(machine.file("key.pem"), "r")] as const;
    expect(await runAgent(without("fd:3"), { stdio: [...stdio] })).toMatchObject({ code: 0 });
    expect(written().luci_machine_token).toBe("token-1");
  });

  it("the environment", async () => {
    const env = { ...process.env, MACHINE_KEY: readFileSync(machine.file("key.pem"), "utf8") };
    expect(await runAgent(without("env:MACHINE_KEY"), { env })).toMatchObject({ code: 0 });
    expect(written().luci_machine_token).toBe("token-1");
  });
});

describeWithSoftHsm("a key in a token", () => {
  it("signs, and the PIN comes from a file", async () => {
    const hsm = makeSoftHsm();
    const place = ["--token", "tokens", "--label", "machine", "--id", "01", "--pin", "5678"];
    execFileSync("softhsm2-util", ["--import", machine.file("key.pem"), ...place], { stdio: "pipe" });
    const uri = `pkcs11:token=tokens;object=machine?module-path=${hsm.modulePath}`;
    const env = { ...process.env, ...hsm.environment };
    const args = machine.flags("-pkey-pem", uri, "-pkey-passphrase", hsm.pinFile);
    expect(await runAgent(args, { env })).toMatchObject({ code: 0 });
    expect(written().luci_machine_token).toBe("token-1");
    expect(await runAgent(args, { env })).toMatchObject({ code: 0, stderr: "" });
    hsm.remove();
  });
});

it("notices any byte of the key, the certificate and the backend, and reads them no more than it has to", async () => {
  await runAgent(machine.flags());
  expect(await runAgent(machine.flags())).toMatchObject({ code: 0, stderr: "" });
  for (const name of ["key.pem", "cert.pem"]) {
    writeFileSync(machine.file(name), `# note\n${readFileSync(machine.file(name), "utf8")}`);
    const { stderr } = await runAgent(machine.flags());
    expect(stderr).toContain("] RPC ");
  }
  expect(minter.calls).toBe(3);
});

describe("what is loaded of Node, which takes most of a run's time", () => {
  /** The modules that an agent loads beyond those that every program does. */
  async function loadedBy(args: readonly string[]): Promise<string[]> {
    const [spy, list] = [machine.file("spy.cjs"), machine.file("loaded")];
    writeFileSync(
      spy,
      `const before = process.moduleLoadList.length;
       process.on("exit", () => {
         const loaded = process.moduleLoadList.slice(before).join("\\n");
         require("node:fs").writeFileSync(process.env.LOADED, loaded);
       });`,
    );
    const env = { ...process.env, NODE_OPTIONS: `--require ${spy}`, LOADED: list };
    expect(await runAgent(args, { env })).toMatchObject({ code: 0 });
    const modules = readFileSync(list, "utf8").matchAll(/^NativeModule (\S+)$/gm);
    return Array.from(modules, ([, name = ""]) => name);
  }

  it("is nothing where the token is good", async () => {
    const notes = () => Buffer.from(written().tokend_state ?? "", "base64").toString();
    // Inputs are looked at once more until they are older than a tick of the file system's clock.
    do await runAgent(machine.flags("-force-refresh"));
    while (!notes().includes("InputsStamp"));
    expect(await loadedBy(machine.flags())).toEqual([]);
  });

  it("is no loader of ES modules, no TLS and no promises of files, where a token is got over http", async () => {
    const loaded = await loadedBy(machine.flags());
    expect(loaded).toEqual(expect.arrayContaining(["crypto", "net", "http"]));
    for (const name of ["internal/modules/esm/loader", "tls", "http2", "fs/promises"])
      expect(loaded).not.toContain(name);
  });
});

it("gives its files the mode that it is told", async () => {
  await runAgent(machine.flags("-mode", "0640", "-status-file", machine.file("status.json")));
  expect(["token.json", "status.json"].map((name) => statSync(machine.file(name)).mode & 0o777)).toEqual([
    0o640, 0o640,
  ]);
});

it("reads and refreshes a token file that LUCI's agent wrote, and writes one that LUCI's agent can read", async () => {
  const now = Math.floor(Date.now() / 1000);
  // Its digest is a SHA-1, its mode 0644, and its encoder may put two spaces behind a colon.
  const notes = { InputsDigest: "b4a749ab4e1d430ba4a4e6e77be03ecdd52467a1", Version: "1.3" };
  const luci = {
    luci_machine_token: "luci-token",
    expiry: now + 3000,
    last_update: now - 600,
    next_update: now + 1200,
    tokend_state: Buffer.from(JSON.stringify(notes)).toString("base64"),
  };
  writeFileSync(machine.file("token.json"), serializeTokenFile(luci).replaceAll('": ', '":  '), { mode: 0o644 });
  const status = machine.file("status.json");
  expect(await runAgent(machine.flags("-status-file", status))).toMatchObject({ code: 0 });
  expect(JSON.parse(readFileSync(status, "utf8"))).toMatchObject({ update_reason: "PARAMS_CHANGE" });
  const text = readFileSync(machine.file("token.json"), "utf8");
  const ours = JSON.parse(text) as Record<string, string>;
  // Its reader knows these keys and no others; 64-bit numbers are strings, bytes are padded base64.
  expect(Object.keys(ours)).toEqual(["luci_machine_token", "expiry", "last_update", "next_update", "tokend_state"]);
  expect(Object.values(ours).map((value) => typeof value)).toEqual(Array(5).fill("string"));
  expect(ours["tokend_state"]).toMatch(/^[A-Za-z0-9+/]+={0,2}$/);
  expect(statSync(machine.file("token.json")).mode & 0o777).toBe(0o600);
});

it("speaks Connect too", async () => {
  // The stand-in speaks pRPC alone: to a Connect client its answer is none.
  const { code, stderr } = await runAgent(machine.flags("-protocol", "connect"));
  expect([code, stderr]).toEqual([1, expect.stringContaining("content type application/prpc")]);
});

it("is a program by any name, wherever it lies", async () => {
  const program = machine.file("tokend");
  copyFileSync(bundle, program);
  const agent = watch(spawn(program, machine.flags()));
  expect(await agent.ended).toMatchObject({ code: 0 });
  expect(written().luci_machine_token).toBe("token-1");
});

it("is one file of at most 64 kB, in ASCII", () => {
  expect(statSync(bundle).size).toBeLessThanOrEqual(64_000);
  expect(/[^\x20-\x7e\n]/.exec(readFileSync(bundle, "utf8"))).toBeNull();
});
