import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { ErrorCode, TokenMinter } from "@tokens/api";
import { TokenRejected, trustFromDocument, verifyMachineToken } from "@tokens/machine-auth";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { CrlServer } from "./crl-server.js";
import { mintCall } from "./mint-call.js";
import { hasOpenssl, type Machine, OpensslCa } from "./openssl-fleet.js";
import { type RunningServer, runTokens, startServer } from "./programs.js";

const CA = "Fake CA: fake.ca";
let ca: OpensslCa;
let first: Machine;
let second: Machine;
let crls: CrlServer;
let folder: string;
let server: RunningServer;

beforeAll(() => {
  if (!hasOpenssl) return;
  ca = new OpensslCa(CA);
  first = ca.issue("luci-token-server-test-1.fake.domain");
  second = ca.issue("luci-token-server-test-2.fake.domain");
});
afterAll(() => ca && rmSync(ca.folder, { recursive: true }));

beforeEach(async () => {
  crls = await CrlServer.start();
  folder = mkdtempSync(join(tmpdir(), "revocation-"));
  mkdirSync(join(folder, "config"));
});
afterEach(async () => {
  await server.stop();
  await crls.stop();
  rmSync(folder, { recursive: true });
});

function writePolicy(lines = ""): void {
  copyFileSync(ca.certificateFile, join(folder, "config/fake.pem"));
  const domains = 'known_domains { domain: "fake.domain" machine_token_lifetime: 3600 }';
  const entry = `cn: "${CA}"\n cert_path: "fake.pem"\n crl_url: "${crls.url}"\n use_oauth: false\n ${domains}\n ${lines}`;
  writeFileSync(join(folder, "config/tokenserver.cfg"), `certificate_authority {\n ${entry}\n}\n`);
}

async function start(): Promise<void> {
  const folders = ["--config", join(folder, "config"), "--data", join(folder, "data")];
  server = await startServer([...folders, "--allow-crl-host", crls.host]);
}

async function callMint({ der, key }: Machine) {
  const transport = createConnectTransport({ httpVersion: "1.1", baseUrl: server.url });
  return createClient(TokenMinter, transport).mintMachineToken(mintCall(der, key));
}

const mint = async (machine: Machine) => ErrorCode[(await callMint(machine)).errorCode] ?? "";
const mintToken = async (machine: Machine) =>
  (await callMint(machine)).tokenResponse?.tokenType.value?.machineToken ?? "";

async function inspect(token: string, ...options: string[]) {
  const { code, stdout } = await runTokens(["inspect", token, "--json", ...options]);
  return { code, row: JSON.parse(stdout || "{}") as unknown };
}

/** What a verifier says that has just fetched what the server publishes. */
async function verdict(token: string): Promise<string> {
  const bundle = await (await fetch(`${server.url}/trust/v1/bundle`)).arrayBuffer();
  try {
    const trust = trustFromDocument(new Uint8Array(bundle));
    return verifyMachineToken(token, trust, { now: Date.now() / 1000 }).identity;
  } catch (error) {
    if (error instanceof TokenRejected) return error.code;
    throw error;
  }
}

const tokens = (...args: string[]) => runTokens([...args, "--server", server.admin]);
const fetchCrl = () => tokens("ca", "fetch-crl", CA, "--force", "--json");

describe.runIf(hasOpenssl)("revocation with a CA of openssl and a server of its lists", () => {
  it("mints, and after a revocation no longer, for that machine alone", async () => {
    crls.list = ca.makeCrl();
    writePolicy();
    await start();
    expect((await fetchCrl()).code).toBe(0);
    expect([await mint(first), await mint(second)]).toEqual(["SUCCESS", "SUCCESS"]);
    expect((await tokens("ca", "check", first.certificateFile)).code).toBe(0);

    const [revoked, good] = [await mintToken(first), await mintToken(second)];
    expect(await verdict(revoked)).toMatch(/^bot:luci-token-server-test-1/);
    ca.revoke(first);
    crls.list = ca.makeCrl();
    const { code, stdout } = await fetchCrl();
    expect([code, (JSON.parse(stdout) as { crlStatus: object }).crlStatus]).toEqual([
      0,
      expect.objectContaining({ revokedCertsCount: "1", crlNumber: "2" }),
    ]);
    expect([await mint(first), await mint(second)]).toEqual(["UNTRUSTED_CERTIFICATE", "SUCCESS"]);
    await expect.poll(() => server.log()).toContain("REVOKED: certificate");
    await expect.poll(() => verdict(revoked)).toBe("REVOKED");
    expect(await verdict(good)).toMatch(/^bot:luci-token-server-test-2/);
    expect((await tokens("revoked", "--kind", "certificate")).stdout).toContain(`by crl ${CA}`);
    expect(await tokens("ca", "check", first.certificateFile)).toMatchObject({
      code: 1,
      stdout: expect.stringContaining("REVOKED"),
    });
  });

  it("shows an operator what a token says, and whether it is good", async () => {
    const machine = ca.issue("luci-token-server-test-3.fake.domain");
    crls.list = ca.makeCrl();
    writePolicy();
    await start();
    expect((await fetchCrl()).code).toBe(0);
    const token = await mintToken(machine);
    const body = { machineFqdn: "luci-token-server-test-3.fake.domain", caId: "0", lifetime: "3600" };
    expect(await inspect(token)).toMatchObject({ code: 0, row: { ok: null, kind: "machine", body, problem: null } });
    const admin = ["--server", server.admin];
    const good = { valid: true, reason: null, signed: true, nonExpired: true, nonRevoked: true, ca: CA };
    expect(await inspect(token, ...admin)).toMatchObject({ code: 0, row: { ok: true, body, server: good } });
    const forged = await inspect(`${token.slice(0, -8)}AAAAAAAA`, ...admin);
    expect(forged).toMatchObject({ code: 1, row: { ok: false, body, server: { valid: false, signed: false } } });

    ca.revoke(machine);
    crls.list = ca.makeCrl();
    expect((await fetchCrl()).code).toBe(0);
    const bad = { valid: false, signed: true, nonExpired: true, nonRevoked: false };
    expect(await inspect(token, ...admin)).toMatchObject({ code: 1, row: { ok: false, server: bad } });
    expect((await inspect(token, "--server", server.url)).code).toBe(1);
    expect(await inspect(token, "--server", "unix:/does/not/exist")).toEqual({ code: 3, row: {} });
    const { stdout } = await runTokens(["inspect", "-"], `${token}\n`);
    expect(stdout).toContain("not verified");
    expect(stdout).not.toContain(token.slice(-100, -20));
  });

  it("mints nothing until a list is there, and keeps it over a restart without the server of the lists", async () => {
    writePolicy();
    await start();
    const early = await fetchCrl();
    expect([early.code, early.stderr]).toEqual([3, expect.stringContaining("HTTP 404")]);
    expect(await mint(second)).toBe("UNTRUSTED_CERTIFICATE");
    await expect.poll(() => server.log()).toContain("CRL_NOT_READY");

    crls.list = ca.makeCrl();
    expect((await fetchCrl()).code).toBe(0);
    expect(await mint(second)).toBe("SUCCESS");
    crls.isAway = true;
    await server.stop("SIGKILL");
    await start();
    expect(await mint(second)).toBe("SUCCESS");
    expect((await fetchCrl()).code).toBe(3);
    expect(await mint(second)).toBe("SUCCESS");
  });

  it("refuses lists that go back or that are not the CA's, and keeps the one it has", async () => {
    const older = ca.makeCrl();
    crls.list = ca.makeCrl();
    writePolicy();
    await start();
    expect((await fetchCrl()).code).toBe(0);
    const stranger = new OpensslCa(CA);
    for (const [list, words] of [
      // The date counts first: it goes back too if the two lists were not made within one second.
      [older, /its (number \d+ is below \d+|thisUpdate is before)/],
      [stranger.makeCrl(), /not signed by the CA/],
      [Buffer.from("<html>"), /neither DER nor PEM/],
    ] as const) {
      crls.list = list;
      const { code, stderr } = await fetchCrl();
      expect([code, stderr]).toEqual([1, expect.stringMatching(words)]);
    }
    rmSync(stranger.folder, { recursive: true });
    expect(await mint(second)).toBe("SUCCESS");
    const { stdout } = await tokens("ca", "status", CA, "--json");
    expect(JSON.parse(stdout)).toMatchObject({
      ready: true,
      removed: false,
      crlStatus: { lastFailure: expect.any(String) },
    });
  });

  it("imports a changed policy on SIGHUP, and keeps the one it has when the new one is broken", async () => {
    crls.list = ca.makeCrl();
    writePolicy();
    await start();
    const status = async () =>
      JSON.parse((await tokens("ca", "status", CA, "--json")).stdout) as {
        config: { uniqueId: string };
        removed: boolean;
      };
    expect((await status()).config.uniqueId).toBe("0");
    writeFileSync(join(folder, "config/tokenserver.cfg"), "broken {");
    process.kill(server.pid, "SIGHUP");
    await expect.poll(() => server.log()).toContain("tokenserver.cfg:1:9");
    expect((await status()).removed).toBe(false);
    writePolicy("unique_id: 7");
    process.kill(server.pid, "SIGHUP");
    await expect.poll(async () => (await status()).config.uniqueId).toBe("7");
    expect((await tokens("ca", "list")).stdout).toBe(`${CA}\n`);
    expect((await tokens("ca", "status", "No such CA")).code).toBe(1);
    expect((await tokens("ca", "fetch-crl", "No such CA")).code).toBe(1);
    expect(readFileSync(join(folder, "config/tokenserver.cfg"), "utf8")).toContain("unique_id: 7");
  });

  it("fetches from no private address that is not allowed", async () => {
    crls.list = ca.makeCrl();
    writePolicy();
    server = await startServer(["--config", join(folder, "config"), "--data", join(folder, "data")]);
    await expect.poll(() => server.log()).toContain("names a private address");
    const { code, stderr } = await fetchCrl();
    expect([code, stderr]).toEqual([1, expect.stringContaining("private address")]);
    expect(crls.requests).toBe(0);
  });
});
