import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { ErrorCode, TokenMinter } from "@tokens/api";
import { Operator } from "@tokens/api/admin";
import {
  machineTokenVerifier,
  type ServerTrustOptions,
  TokenRejected,
  trustFromServer,
  type TrustSource,
  TrustUnavailable,
} from "@tokens/machine-auth";
import { MACHINE_TOKEN_HEADER, tokenFingerprint } from "@tokens/machine-auth/machine-token";
import { afterAll, beforeAll, expect, it } from "vitest";
import { mintCall } from "./mint-call.js";
import { type LoadFleet, type LoadMachine, makeLoadFleet } from "./minting-load.js";
import { type RunningServer, runTokens, startServer } from "./programs.js";

const folder = mkdtempSync(join(tmpdir(), "feed-"));
const data = join(folder, "data");
let fleet: LoadFleet;
let other: LoadMachine;
let server: RunningServer;
let verifiers: Verifier[];

/** A backend: it refreshes its trust beside the requests, and remembers the tokens that were good. One pins the CA. */
interface Verifier {
  readonly trust: TrustSource;
  verdict(token: string): string;
}

function verifierOf(url: string, options: Partial<ServerTrustOptions> = {}): Verifier {
  const trust = trustFromServer(url, { refreshSeconds: 0.3, ...options });
  const verify = machineTokenVerifier();
  const verdict = (token: string) => {
    try {
      return verify(token, trust.current(), Date.now() / 1000).identity;
    } catch (error) {
      if (error instanceof TokenRejected || error instanceof TrustUnavailable) return error.code;
      throw error;
    }
  };
  return { trust, verdict };
}

const start = (...more: string[]) => startServer(["--config", fleet.config, "--data", data, ...more]);

beforeAll(async () => {
  fleet = await makeLoadFleet(folder);
  [other, server] = await Promise.all([fleet.issue("host-2.load.example.com"), start()]);
  const ca = await (await fetch(`${server.url}/trust/v1/ca.pem`)).text();
  verifiers = [verifierOf(server.url, { cacheFolder: join(folder, "cache") }), verifierOf(server.url, { ca })];
  await Promise.all(verifiers.map(({ trust }) => trust.ready()));
});
afterAll(async () => {
  for (const { trust } of verifiers) trust.close();
  await server.stop();
  rmSync(folder, { recursive: true });
});

const transport = () => createConnectTransport({ httpVersion: "1.1", baseUrl: server.url });

async function mint({ der, key }: LoadMachine) {
  const answer = await createClient(TokenMinter, transport()).mintMachineToken(mintCall(der, key));
  const kind = answer.tokenResponse?.tokenType;
  return { ...answer, code: ErrorCode[answer.errorCode], token: kind?.value?.machineToken ?? "" };
}

async function tokens(...args: string[]): Promise<Record<string, unknown>[]> {
  const { code, stdout, stderr } = await runTokens([...args, "--server", server.admin, "--json"]);
  if (code !== 0) throw new Error(`exit code ${code}: ${stderr}`);
  const lines = stdout.split("\n").filter((line) => line !== "");
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}

/** What all verifiers say of a token, once they agree. */
const verdicts = (token: string) => expect.poll(() => verifiers.map(({ verdict }) => verdict(token)));

/** What the server itself says of a caller who comes with a token: good ones are still no administrators. */
const ownVerdict = (token: string) =>
  createClient(Operator, transport())
    .listKeys({}, { headers: { [MACHINE_TOKEN_HEADER]: token } })
    .catch((error: unknown) => Code[ConnectError.from(error).code]);

it("refuses a revoked machine at every verifier, and mints it nothing, until that is taken back", async () => {
  const { token } = await mint(fleet);
  await verdicts(token).toEqual(["bot:host-1.load.example.com", "bot:host-1.load.example.com"]);
  expect(await ownVerdict(token)).toBe("PermissionDenied");

  const [entry] = await tokens("machine", "revoke", "host-1.load.example.com", "--reason", "stolen");
  expect(entry).toMatchObject({ kind: "machine", subject: "host-1.load.example.com", reason: "stolen", until: null });
  expect(await ownVerdict(token)).toBe("Unauthenticated");
  const refused = await mint(fleet);
  const stranger = await mint({ ...(await makeLoadFleet(join(folder, "strangers"))) });
  expect([refused.code, refused.errorMessage]).toEqual([stranger.code, stranger.errorMessage]);
  expect(refused.code).toBe("UNTRUSTED_CERTIFICATE");
  const explain = () => tokens("explain", refused.referenceId).catch(() => []);
  const detail = expect.stringMatching(/REVOKED: the machine .* by local: stolen/) as string;
  await expect.poll(explain).toMatchObject([{ detail }]);
  await verdicts(token).toEqual(["REVOKED", "REVOKED"]);
  expect((await mint(other)).code).toBe("SUCCESS");

  expect(await tokens("revoked")).toEqual([entry]);
  await tokens("machine", "unrevoke", "host-1.load.example.com");
  await verdicts(token).toEqual(["bot:host-1.load.example.com", "bot:host-1.load.example.com"]);
  expect((await mint(fleet)).code).toBe("SUCCESS");
  expect((await runTokens(["machine", "unrevoke", "host-1.load.example.com", "--server", server.admin])).code).toBe(1);
});

it("refuses a revoked token, and no other of its machine", async () => {
  const [{ token: one }, { token: another }] = [await mint(fleet), await mint(other)];
  await verdicts(one).toEqual(["bot:host-1.load.example.com", "bot:host-1.load.example.com"]);
  const [entry] = await tokens("token", "revoke", tokenFingerprint(one));
  expect(entry).toMatchObject({ kind: "token", until: expect.any(String) });
  await verdicts(one).toEqual(["REVOKED", "REVOKED"]);
  expect(verifiers.map(({ verdict }) => verdict(another))).toEqual(Array(2).fill("bot:host-2.load.example.com"));
  const { code, stdout, stderr } = await runTokens(["token", "revoke", one, "--server", server.admin]);
  expect([code, stdout, stderr.includes(one)]).toEqual([2, "", false]);
});

it("keeps revocations while the server is down, also in a backend that restarts, and never goes back", async () => {
  const [{ token }, { token: good }] = [await mint(fleet), await mint(other)];
  await server.stop();
  const backup = join(folder, "backup.db");
  cpSync(join(data, "tokens.db"), backup);
  server = await start();
  await tokens("machine", "revoke", "host-1.load.example.com");
  const admin = server.admin;
  const restarted = verifierOf(server.url, { cacheFolder: join(folder, "cache") });
  await expect.poll(() => restarted.verdict(token)).toBe("REVOKED");
  restarted.trust.close();
  await server.stop();

  const offline = verifierOf(server.url, { cacheFolder: join(folder, "cache") });
  await offline.trust.ready();
  expect([offline.verdict(token), offline.verdict(good)]).toEqual(["REVOKED", "bot:host-2.load.example.com"]);
  offline.trust.close();
  const impatient = verifierOf(server.url, { cacheFolder: join(folder, "cache"), maxStaleSeconds: 0.5 });
  await expect.poll(() => impatient.verdict(token)).toMatch(/^(STALE|NEVER_FETCHED)$/);
  impatient.trust.close();

  for (const suffix of ["", "-wal", "-shm"]) rmSync(join(data, `tokens.db${suffix}`), { force: true });
  cpSync(backup, join(data, "tokens.db"));
  const refused = await runTokens(["serve", "--listen", "127.0.0.1:0", "--config", fleet.config, "--data", data]);
  expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining("--accept-rollback")]);
  server = await start("--accept-rollback");
  expect(server.admin).toBe(admin);
  expect(await tokens("revoked", "--kind", "machine")).toEqual([]);
});

it("refuses all machines of a revoked CA, for ever", async () => {
  const [{ token: one }, { token: another }] = [await mint(fleet), await mint(other)];
  const fresh = verifierOf(server.url);
  await fresh.trust.ready();
  expect([fresh.verdict(one), fresh.verdict(another)]).toEqual([
    "bot:host-1.load.example.com",
    "bot:host-2.load.example.com",
  ]);
  expect(await tokens("ca", "revoke", "Load CA", "--reason", "its key is out")).toMatchObject([{ subject: "1" }]);
  await expect.poll(() => [fresh.verdict(one), fresh.verdict(another)]).toEqual(["REVOKED", "REVOKED"]);
  fresh.trust.close();
  expect((await mint(other)).code).toBe("UNTRUSTED_CERTIFICATE");
  expect((await runTokens(["ca", "revoke", "No such CA", "--server", server.admin])).code).toBe(1);
});
