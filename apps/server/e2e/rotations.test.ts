import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Client, createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { TokenMinter } from "@tokens/api";
import { Operator } from "@tokens/api/admin";
import { trustFromServer, type TrustSource, verifyMachineToken } from "@tokens/machine-auth";
import { decodeUnverifiedMachineToken } from "@tokens/machine-auth/machine-token";
import { startTokenServer, type Storage } from "@tokens/minter";
import { policyFolder } from "@tokens/minter/policy";
import { openSqliteStorage } from "@tokens/minter/sqlite";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { mintCall } from "./mint-call.js";
import { type LoadFleet, makeLoadFleet } from "./minting-load.js";
import { openPort } from "./recorded-servers.js";

const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };
const LEAD_MS = 300_000;
const folder = mkdtempSync(join(tmpdir(), "rotations-"));

/** The time of all replicas and verifiers: the system's, and what the test has skipped of it. */
let skippedMs = 0;
const clock = () => Date.now() + skippedMs;

interface Replica {
  readonly url: string;
  readonly minter: Client<typeof TokenMinter>;
  readonly operator: Client<typeof Operator>;
  close(): Promise<void>;
}

let fleet: LoadFleet;
let storage: Storage;
let replicas: Replica[] = [];
/** Verifiers that were there before the first rotation: one for each replica. */
let warm: TrustSource[] = [];
beforeAll(async () => {
  fleet = await makeLoadFleet(folder);
  storage = await openSqliteStorage(":memory:");
  replicas = await Promise.all([startReplica(), startReplica(), startReplica()]);
  warm = replicas.map(({ url }) => trustFromServer(url, { refreshSeconds: 0.5 }));
  await Promise.all(warm.map((source) => source.ready()));
});
afterAll(async () => {
  for (const source of warm) source.close();
  await Promise.all(replicas.map((replica) => replica.close()));
  await storage.close();
  rmSync(folder, { recursive: true });
});

async function startReplica(): Promise<Replica> {
  const server = await startTokenServer({
    storage,
    appId: "app",
    serviceAccount: "tokens@example.com",
    serviceVersion: "app/1",
    policySource: await policyFolder(fleet.config),
    keys: { rotation: { leadMs: LEAD_MS, signsForMs: undefined } },
    log: silent,
    clock,
  });
  const [port, adminPort] = [await openPort(server, "public"), await openPort(server, "admin")];
  const [url, adminUrl] = [port, adminPort].map((one) => `http://127.0.0.1:${one.port}`);
  const to = (baseUrl = "") => createConnectTransport({ baseUrl, httpVersion: "1.1" });
  const close = async () => {
    await Promise.all([port.stop(0), adminPort.stop(0)]);
    await server.close();
  };
  return {
    url: url ?? "",
    minter: createClient(TokenMinter, to(url)),
    operator: createClient(Operator, to(adminUrl)),
    close,
  };
}

const knows = (source: TrustSource, keyId: string) =>
  [...source.current().issuers.values()].some((keys) => keys.has(keyId));

/** What a verifier thinks that starts now, at a replica. */
async function checkCold(token: string, { url }: Replica): Promise<void> {
  const cold = trustFromServer(url);
  try {
    check(token, await cold.ready());
  } finally {
    cold.close();
  }
}

function check(token: string, trust: ReturnType<TrustSource["current"]>): void {
  const { identity } = verifyMachineToken(token, trust, { now: clock() / 1000 });
  expect(identity).toBe("bot:host-1.load.example.com");
}

/** Every 50 ms each replica mints a token, and everybody checks it: no second chances. */
class Rounds {
  readonly failures: unknown[] = [];
  readonly tokens: string[] = [];
  /** All keys that signed, and the one that signed last, by replica. */
  readonly seen = new Set<string>();
  readonly latest = new Map<Replica, string>();
  #isOver = false;
  readonly #running = this.#run();

  async stop(): Promise<void> {
    this.#isOver = true;
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#isOver) {
      const pause = new Promise((resolve) => void setTimeout(resolve, 50));
      const round = replicas.map((replica) => this.#mintAndCheck(replica));
      for (const { status, reason } of (await Promise.allSettled(round)) as PromiseRejectedResult[])
        if (status === "rejected") this.failures.push(reason);
      await pause;
    }
  }

  async #mintAndCheck(replica: Replica): Promise<void> {
    const request = mintCall(fleet.der, fleet.key, { issuedAt: new Date(clock()) });
    const { tokenResponse } = await replica.minter.mintMachineToken(request);
    const token = tokenResponse?.tokenType.value?.machineToken ?? "";
    const { keyId } = decodeUnverifiedMachineToken(token);
    this.tokens.push(token);
    this.seen.add(keyId);
    this.latest.set(replica, keyId);
    for (const source of warm) check(token, source.current());
    await Promise.all(replicas.map((other) => checkCold(token, other)));
  }
}

describe("two whole rotations", () => {
  it("are noticed on no replica, by no verifier that was there before, and by none that just starts", async () => {
    const rounds = new Rounds();
    await expect.poll(() => rounds.latest.size).toBe(replicas.length);
    for (const { operator } of replicas.slice(0, 2)) {
      const keyId = (await operator.rotateKey({})).key?.keyId ?? "";
      // The lead is longer than this takes; the rest of it is skipped.
      await expect.poll(() => warm.every((source) => knows(source, keyId))).toBe(true);
      expect([...rounds.seen]).not.toContain(keyId);
      skippedMs += LEAD_MS;
      await expect.poll(() => replicas.every((replica) => rounds.latest.get(replica) === keyId)).toBe(true);
    }
    await rounds.stop();
    expect(rounds.failures).toEqual([]);
    expect(rounds.seen.size).toBe(3);
    for (const { operator } of replicas) {
      const { keys } = await operator.listKeys({});
      const states = keys.flatMap(({ purpose, state }) => (purpose === "tokens" ? [state] : []));
      expect(states).toEqual(["retired", "retired", "active"]);
    }
    const [first = ""] = rounds.tokens;
    for (const replica of replicas) await checkCold(first, replica);
  });
});
