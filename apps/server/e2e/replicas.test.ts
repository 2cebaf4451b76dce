import { generateKeyPairSync, randomBytes } from "node:crypto";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { request } from "node:http";
import { createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { ErrorCode, TokenMinter } from "@tokens/api";
import { tokenFingerprint } from "@tokens/machine-auth/machine-token";
import { TestCa } from "@tokens/pki/testing";
import { toPem } from "@tokens/pki/x509";
import { type PostgresServer, startPostgres } from "postgres-server";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { CrlServer } from "./crl-server.js";
import { mintCall } from "./mint-call.js";
import { type LoadFleet, makeLoadFleet, MintingLoad } from "./minting-load.js";
import { type RunningServer, runTokens, startServer } from "./programs.js";

const folder = mkdtempSync(join(tmpdir(), "replicas-"));
const running: RunningServer[] = [];
let fleet: LoadFleet;
let postgres: PostgresServer | undefined;
let replicas = 0;

beforeAll(async () => {
  postgres = await startPostgres();
  fleet = await makeLoadFleet(folder);
});

afterEach(async () => {
  await Promise.all(running.splice(0).map((server) => server.stop()));
});

afterAll(async () => {
  await postgres?.remove();
  rmSync(folder, { recursive: true });
});

function database(): PostgresServer {
  if (!postgres) throw new Error("PostgreSQL did not start");
  return postgres;
}

/** What the servers of one storage have in common. */
const KEY_ENCRYPTION_KEY = randomBytes(32).toString("base64");

async function startReplica(storage: string, ...more: string[]): Promise<RunningServer> {
  const data = join(folder, `data-${replicas++}`);
  const server = await startServer(["--config", fleet.config, "--data", data, "--storage", storage, ...more], {
    TOKENS_KEY_ENCRYPTION_KEY: KEY_ENCRYPTION_KEY,
  });
  running.push(server);
  return server;
}

/** A value of the metrics page; 0 where there is none yet. */
async function metric(server: RunningServer, name: string): Promise<number> {
  const page = await new Promise<string>((resolve, reject) => {
    const socketPath = server.admin.replace("unix:", "");
    request({ socketPath, path: "/metrics", agent: false }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk) => (text += String(chunk)));
      response.on("end", () => resolve(text));
    })
      .on("error", reject)
      .end();
  });
  return Number(
    page
      .split("\n")
      .find((line) => line.startsWith(`${name} `))
      ?.slice(name.length) ?? 0,
  );
}

const certificatesOf = async ({ url }: RunningServer) =>
  ((await (await fetch(`${url}/auth/api/v1/server/certificates`)).json()) as { certificates: unknown }).certificates;

describe("two servers on one PostgreSQL", () => {
  it("sign with one key, and know each other's records", async () => {
    const storage = await database().createDatabase();
    const [a, b] = await Promise.all([startReplica(storage), startReplica(storage)]);
    expect(await certificatesOf(a)).toEqual(await certificatesOf(b));
    const load = new MintingLoad(a.url, fleet);
    await expect.poll(() => load.tokens.length).toBeGreaterThan(3);
    await load.stop();
    const [token = ""] = load.tokens;
    expect((await runTokens(["check-token", "--trust", b.url, token])).code).toBe(0);
    const { stdout } = await runTokens(["audit", "export", "--server", b.admin]);
    for (const each of load.tokens) expect(stdout).toContain(tokenFingerprint(each));
  });

  it("attack 17: take a request once, whichever of them is asked", async () => {
    const config = join(folder, "once");
    cpSync(fleet.config, config, { recursive: true });
    const policy = readFileSync(join(config, "tokenserver.cfg"), "utf8");
    writeFileSync(
      join(config, "tokenserver.cfg"),
      policy.replace("unique_id: 1", "unique_id: 1 request_policy { nonce: ENFORCE }"),
    );
    const storage = await database().createDatabase();
    const pair = await Promise.all([1, 2].map(() => startReplica(storage, "--config", config)));
    const request = mintCall(fleet.der, fleet.key, { nonce: randomBytes(16) });
    const answers = await Promise.all(
      [...pair, ...pair].map(async ({ url: baseUrl }) => {
        const minter = createClient(TokenMinter, createConnectTransport({ baseUrl, httpVersion: "1.1" }));
        return ErrorCode[(await minter.mintMachineToken(request)).errorCode];
      }),
    );
    expect(answers.toSorted()).toEqual([...Array(3).fill("REPLAYED_REQUEST"), "SUCCESS"]);
  });

  it("trust a CA and take its revocation list, whichever of them was told", async () => {
    const own = await makeLoadFleet(join(folder, "with-lists"));
    const ca = TestCa.create("Listed CA");
    const name = "host-1.listed.example.com";
    const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    const [good, revoked] = [{}, { serial: 0x51n }].map((changes) => ca.issue(name, { privateKey, ...changes }));
    const crls = await CrlServer.start();
    try {
      crls.list = ca.crl({ revoked: [0x51n], thisUpdate: new Date(Date.now() - 60_000) });
      const storage = await database().createDatabase();
      const start = () => startReplica(storage, "--config", own.config, "--allow-crl-host", crls.host);
      const [told, other] = [await start(), await start()];
      const mint = async ({ url }: RunningServer, machine = good) => {
        const minter = createClient(TokenMinter, createConnectTransport({ httpVersion: "1.1", baseUrl: url }));
        const call = mintCall(machine?.certificate ?? new Uint8Array(), privateKey);
        return ErrorCode[(await minter.mintMachineToken(call)).errorCode];
      };
      expect(await mint(other)).toBe("UNTRUSTED_CERTIFICATE");
      const policy = readFileSync(join(own.config, "tokenserver.cfg"), "utf8");
      const entry = `cn: "Listed CA" cert_path: "listed.pem" unique_id: 2 crl_url: "${crls.url}"`;
      const domains = 'known_domains { domain: "listed.example.com" machine_token_lifetime: 3600 }';
      writeFileSync(join(own.config, "listed.pem"), toPem("CERTIFICATE", ca.certificate));
      writeFileSync(join(own.config, "tokenserver.cfg"), `${policy}\ncertificate_authority { ${entry} ${domains} }\n`);
      expect((await runTokens(["policy", "import", "--server", told.admin])).code).toBe(0);
      expect((await runTokens(["ca", "fetch-crl", "Listed CA", "--server", told.admin])).code).toBe(0);
      expect([await mint(told), await mint(told, revoked)]).toEqual(["SUCCESS", "UNTRUSTED_CERTIFICATE"]);
      // The other one looks for policies every 10 s and for lists every 5 s.
      await expect.poll(() => mint(other)).toBe("SUCCESS");
      expect(await mint(other, revoked)).toBe("UNTRUSTED_CERTIFICATE");
    } finally {
      await crls.stop();
    }
  });

  it("do periodic work once, and one takes over when the other is killed", async () => {
    const storage = await database().createDatabase();
    const pair = [await startReplica(storage), await startReplica(storage)];
    const held = 'tokens_lease_held{job="audit-retention"}';
    const runs = 'tokens_job_runs_total{job="audit-retention",outcome="done"}';
    const all = (name: string) => Promise.all(pair.map((server) => metric(server, name)));
    await expect.poll(() => all(runs).then((counts) => counts.reduce((a, b) => a + b))).toBe(1);
    const holders = await all(held);
    expect(holders.toSorted((a, b) => a - b)).toEqual([0, 1]);
    const holder = pair[holders.indexOf(1)];
    const other = pair[holders.indexOf(0)];
    if (!holder || !other) throw new Error("nobody holds the lease");
    await holder.stop("SIGKILL");
    await expect.poll(() => metric(other, held)).toBe(1);
    expect(await metric(other, runs)).toBe(0);
  });
});

describe("PostgreSQL that stops and starts under load", () => {
  it("loses no record: meanwhile there are no tokens, but answers that say when to come again", async () => {
    const storage = await database().createDatabase();
    const server = await startReplica(storage);
    const load = new MintingLoad(server.url, fleet);
    await expect.poll(() => load.tokens.length).toBeGreaterThan(5);
    await database().stop();
    await expect.poll(() => load.failures.length).toBeGreaterThan(5);
    expect([...load.codes()]).toEqual(["Unavailable"]);
    expect(load.failures[0]?.metadata.get("retry-after")).toBe("5");
    const before = load.tokens.length;
    await database().start();
    await expect.poll(() => load.tokens.length).toBeGreaterThan(before + 5);
    await load.stop();
    const { stdout } = await runTokens(["audit", "export", "--server", server.admin]);
    expect(load.tokens.filter((token) => !stdout.includes(tokenFingerprint(token)))).toEqual([]);
    const verified = await runTokens(["audit", "verify", "--json", "--storage", storage]);
    expect(JSON.parse(verified.stdout)).toMatchObject({ ok: true, findings: [] });
  });

  it("does not stop tokens where that is wanted, and records them when it is back", async () => {
    const storage = await database().createDatabase();
    const server = await startReplica(storage, "--audit", "best-effort");
    await database().stop();
    const load = new MintingLoad(server.url, fleet, 1);
    await expect.poll(() => load.tokens.length).toBeGreaterThan(3);
    await load.stop();
    expect(load.failures).toEqual([]);
    await database().start();
    const exported = async () => (await runTokens(["audit", "export", "--server", server.admin])).stdout;
    await expect
      .poll(async () => {
        const text = await exported();
        return load.tokens.filter((token) => !text.includes(tokenFingerprint(token))).length;
      })
      .toBe(0);
  });
});

describe("a server whose PostgreSQL is not there", () => {
  it("does not start, and says why", async () => {
    const args = ["--config", fleet.config, "--data", join(folder, "none"), "--listen", "127.0.0.1:0"];
    const env = { TOKENS_KEY_ENCRYPTION_KEY: KEY_ENCRYPTION_KEY };
    const { code, stderr } = await runTokens(["serve", ...args, "--storage", "postgres://x@127.0.0.1:1/x"], "", env);
    expect(code).toBe(3);
    expect(stderr).toContain("the database cannot be reached");
  });
});
