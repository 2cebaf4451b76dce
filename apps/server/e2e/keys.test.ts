import { randomBytes } from "node:crypto";
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Trust, trustFromDocument, verifyMachineToken } from "@tokens/machine-auth";
import { decodeUnverifiedMachineToken } from "@tokens/machine-auth/machine-token";
import { type PostgresServer, startPostgres } from "postgres-server";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type LoadFleet, makeLoadFleet, MintingLoad } from "./minting-load.js";
import { type RunningServer, runTokens, startServer } from "./programs.js";

const folder = mkdtempSync(join(tmpdir(), "keys-"));
const running: RunningServer[] = [];
let fleet: LoadFleet;
let postgres: PostgresServer | undefined;
let count = 0;
beforeAll(async () => {
  postgres = await startPostgres();
  fleet = await makeLoadFleet(folder);
});
afterEach(async () => void (await Promise.all(running.splice(0).map((server) => server.stop()))));
afterAll(async () => {
  await postgres?.remove();
  rmSync(folder, { recursive: true });
});

const newPath = (name: string) => join(folder, `${name}-${count++}`);

/** A file with a fresh key-encryption key. */
function kekFile(): string {
  const path = newPath("kek");
  writeFileSync(path, `${randomBytes(32).toString("base64")}\n`, { mode: 0o600 });
  return path;
}

async function start(data: string, ...more: string[]): Promise<RunningServer> {
  const server = await startServer(["--config", fleet.config, "--data", data, ...more]);
  running.push(server);
  return server;
}

interface Key {
  keyId: string;
  purpose: string;
  state: string;
  signsFrom: string;
}

/** What `tokens keys …` prints. */
async function keys(server: RunningServer, ...args: string[]): Promise<Key[]> {
  const { code, stdout, stderr } = await runTokens(["keys", ...args, "--server", server.admin, "--json"]);
  if (code !== 0) throw new Error(`exit code ${code}: ${stderr}`);
  return stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Key);
}

const read = async (server: RunningServer, path: string) => (await fetch(`${server.url}${path}`)).text();
const trustOf = async (server: RunningServer): Promise<Trust> =>
  trustFromDocument(await read(server, "/auth/api/v1/server/certificates"));
const tokensOf = async (server: RunningServer) =>
  (await keys(server, "list")).filter(({ purpose }) => purpose === "tokens");
const keyOf = (token: string) => decodeUnverifiedMachineToken(token).keyId;
const serve = (...args: string[]) =>
  runTokens(["serve", "--listen", "127.0.0.1:0", "--config", fleet.config, "--data", newPath("data"), ...args]);

describe("a rotation under load", () => {
  it("is noticed by nobody: not on either server, not by verifiers that fetched before or after", async () => {
    const shared = ["--storage", (await postgres?.createDatabase()) ?? "", "--key-encryption-key", kekFile()];
    const [a, b] = await Promise.all([1, 2].map(() => start(newPath("data"), ...shared, "--key-lead", "12s")));
    if (!a || !b) throw new Error("the servers did not start");
    const loads = [new MintingLoad(a.url, fleet, 2), new MintingLoad(b.url, fleet, 2)];
    const [next] = await keys(a, "rotate");
    expect(next?.state).toBe("next");
    // What the slowest verifier knows: fetched from the other server, as soon as that one has heard of the key.
    await expect
      .poll(async () => (await read(b, "/auth/api/v1/server/certificates")).includes(next?.keyId ?? "?"))
      .toBe(true);
    const early = await trustOf(b);
    for (const load of loads)
      await expect.poll(() => load.tokens.some((token) => keyOf(token) === next?.keyId)).toBe(true);
    await Promise.all(loads.map((load) => load.stop()));
    expect(loads.flatMap((load) => load.failures)).toEqual([]);
    const late = await trustOf(a);
    for (const token of loads.flatMap((load) => load.tokens)) {
      const { identity } = verifyMachineToken(token, early, { now: Date.now() / 1000 });
      expect(identity).toBe(verifyMachineToken(token, late, { now: Date.now() / 1000 }).identity);
    }
    // A call reads the clock once for its token, and again for its key.
    const signsFrom = Math.floor(Date.parse(next?.signsFrom ?? "") / 1000) - 1;
    const byNext = loads.flatMap((load) => load.tokens).filter((token) => keyOf(token) === next?.keyId);
    for (const token of byNext)
      expect(verifyMachineToken(token, late, { now: Date.now() / 1000 }).issuedAt).toBeGreaterThanOrEqual(signsFrom);
    expect((await tokensOf(b)).map(({ state }) => state)).toEqual(["retired", "active"]);
  });
});

describe("tokens keys", () => {
  it("taints: nothing is signed until there is a successor, and nobody trusts the key any more", async () => {
    const server = await start(newPath("data"), "--key-lead", "2s");
    await expect.poll(() => server.log()).toMatch(/key-lead under 35s/);
    const [first] = await tokensOf(server);
    const load = new MintingLoad(server.url, fleet, 1);
    await expect.poll(() => load.tokens.length).toBeGreaterThan(0);
    const [tainted] = await keys(server, "taint", first?.keyId ?? "");
    expect(tainted).toMatchObject({ keyId: first?.keyId, state: "tainted" });
    expect(await read(server, "/auth/api/v1/server/certificates")).not.toContain(first?.keyId);
    await expect.poll(() => load.tokens.some((token) => keyOf(token) !== first?.keyId)).toBe(true);
    await load.stop();
    expect([...load.codes()].filter((code) => code !== "Unavailable")).toEqual([]);
    const trust = await trustOf(server);
    const [old = ""] = load.tokens;
    expect(() => verifyMachineToken(old, trust, { now: Date.now() / 1000 })).toThrow(/key/);
    const unknown = await runTokens(["keys", "taint", "0".repeat(40), "--server", server.admin]);
    expect([unknown.code, unknown.stderr]).toEqual([1, expect.stringContaining("there is no key")]);
  });

  it("keeps the keys of JWTs and the CA apart from those of tokens, and publishes all of them", async () => {
    const server = await start(newPath("data"));
    const all = await keys(server, "list");
    expect(all.map(({ purpose }) => purpose)).toEqual(["ca", "tokens", "jwt", "bundle", "audit"]);
    const { keys: jwks } = JSON.parse(await read(server, "/.well-known/jwks.json")) as { keys: { kid: string }[] };
    expect(jwks.map(({ kid }) => kid)).toEqual([all[2]?.keyId]);
    expect(await read(server, "/trust/v1/ca.pem")).toMatch(/^-----BEGIN CERTIFICATE-----/);
  });
});

describe("the key-encryption key", () => {
  it("is needed where servers share a storage", async () => {
    const { code, stderr } = await serve("--storage", "postgres://nobody@127.0.0.1:1/none");
    expect([code, stderr]).toEqual([2, expect.stringContaining("openssl rand -base64 32")]);
  });

  it("is needed again once it was used; without it the folder yields no key", async () => {
    const [data, kek] = [newPath("data"), kekFile()];
    const plain = await start(data);
    await expect.poll(() => plain.log()).toMatch(/rest in plain/);
    await plain.stop();
    await (await start(data, "--key-encryption-key", kek)).stop();
    const files = readdirSync(data).map((name) => readFileSync(join(data, name)));
    const rsaPrivateKey = Buffer.from("020100300d06092a864886f70d0101010500", "hex");
    expect(files.some((file) => file.includes(rsaPrivateKey))).toBe(false);
    const run = (...args: string[]) => runTokens(["serve", "--config", fleet.config, "--data", data, ...args]);
    for (const args of [[], ["--key-encryption-key", kekFile()]]) {
      const { code, stderr } = await run(...args);
      expect([code, stderr]).toEqual([2, expect.stringContaining("start with that one")]);
    }
  });

  it.each([
    ["a file that is not there", () => newPath("none"), /cannot read/],
    ["a file that everybody can read", () => readable(), /chmod 600/],
    ["a key on the command line", () => randomBytes(32).toString("base64"), /takes a file/],
  ])("is refused as %s", async (_, value, reason) => {
    const { code, stderr } = await serve("--key-encryption-key", value());
    expect([code, stderr]).toEqual([2, expect.stringMatching(reason)]);
  });

  function readable(): string {
    const path = kekFile();
    chmodSync(path, 0o644);
    return path;
  }
});
