import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { fromBinary } from "@bufbuild/protobuf";
import { createClient, createRouterTransport } from "@connectrpc/connect";
import { ErrorCode, type MintMachineTokenRequest, MintMachineTokenRequestSchema, TokenMinter } from "@tokens/api";
import { toPem } from "@tokens/pki/x509";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { describeWithVectors, readJsonVector, vectorPolicy } from "shared-vectors";
import { CA_NAME, makeFleet, signedRequest } from "../test/fleet.js";
import { silent } from "../test/reports.js";
import { localSigner, startTokenServer, type Storage, type TokenServer, type TokenServerParts } from "./index.js";
import { policyOfFiles } from "./policy.js";
import { openSqliteStorage } from "./storage/sqlite.js";

const start = Math.floor(Date.now() / 1000) * 1000;
const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
const folder = mkdtempSync(join(tmpdir(), "replay-"));
let fleet: Awaited<ReturnType<typeof makeFleet>>;
let storage: Storage;
const servers: TokenServer[] = [];

beforeAll(async () => {
  fleet = await makeFleet();
  storage = await openSqliteStorage(join(folder, "tokens.db"));
});
afterAll(async () => {
  await Promise.all(servers.map((server) => server.close()));
  await storage.close();
  rmSync(folder, { recursive: true });
});

const policyWith = (requestPolicy: string) =>
  policyOfFiles({
    "tokenserver.cfg": `certificate_authority {
      cn: "${CA_NAME}" cert_path: "ca.pem" unique_id: 7
      known_domains { domain: "fleet.example.com" machine_token_lifetime: 3600 }
      request_policy { ${requestPolicy} }
    }`,
    "ca.pem": toPem("CERTIFICATE", fleet.ca.certificate),
  });

const ENFORCED = "nonce: ENFORCE server_name: ENFORCE";

/** A server named prod, unless it is told otherwise; what it answers to a request. */
async function open(changes: Partial<TokenServerParts> = {}) {
  const server = await startTokenServer({
    storage,
    appId: "app",
    serviceAccount: "tokens@example.com",
    serviceVersion: "app/1",
    policySource: policyWith(ENFORCED),
    signer: localSigner(privateKey, ""),
    serverNames: () => new Set(["prod"]),
    log: silent,
    clock: () => start,
    ...changes,
  });
  servers.push(server);
  const minter = createClient(TokenMinter, createRouterTransport(server.routes, { router: server.routerOptions }));
  return async (request: MintMachineTokenRequest) => ErrorCode[(await minter.mintMachineToken(request)).errorCode];
}

const onceRequest = (serverName = "prod") =>
  signedRequest(fleet.machine, start, { nonce: randomBytes(16), serverName });

describe("attack 17: replay of the mint request", () => {
  it("the same bytes get one token, whichever server on the storage is asked, also many at once", async () => {
    const [one, another] = [await open(), await open()];
    const request = onceRequest();
    expect(await one(request)).toBe("SUCCESS");
    expect(await one(request)).toBe("REPLAYED_REQUEST");
    expect(await another(request)).toBe("REPLAYED_REQUEST");
    const next = onceRequest();
    const answers = await Promise.all([one, another, one, another].map((ask) => ask(next)));
    expect(answers.toSorted()).toEqual([...Array(3).fill("REPLAYED_REQUEST"), "SUCCESS"]);
  });

  it("a restart forgets nothing", async () => {
    const place = join(folder, "restarted.db");
    const request = onceRequest();
    for (const answer of ["SUCCESS", "REPLAYED_REQUEST"]) {
      const opened = await openSqliteStorage(place);
      const ask = await open({ storage: opened });
      expect(await ask(request)).toBe(answer);
      await servers.pop()?.close();
      await opened.close();
    }
  });

  it("after the window the time refuses", async () => {
    const request = onceRequest();
    const askAt = async (clockMs: number) => (await open({ clock: () => clockMs }))(request);
    expect(await askAt(start)).toBe("SUCCESS");
    expect(await askAt(start + 600_000)).toBe("REPLAYED_REQUEST");
    expect(await askAt(start + 600_001)).toBe("BAD_TIMESTAMP");
  });

  it("a request to staging gets nothing from production", async () => {
    const [staging, prod] = [await open({ serverNames: () => new Set(["staging"]) }), await open()];
    const request = onceRequest("staging");
    expect(await prod(request)).toBe("WRONG_SERVER_NAME");
    expect(await staging(request)).toBe("SUCCESS");
  });

  it("a full memory refuses with UNAVAILABLE, also what it knows", async () => {
    const opened = await openSqliteStorage(":memory:");
    const ask = await open({ storage: opened, seenCapacity: 1 });
    const request = onceRequest();
    expect(await ask(request)).toBe("SUCCESS");
    for (const each of [request, onceRequest()]) await expect(ask(each)).rejects.toMatchObject({ code: 14 });
    await servers.pop()?.close();
    await opened.close();
  });
});

describe("requests without nonce and name, as LUCI's agent makes them", () => {
  const states = [
    ["OFF", "SUCCESS"],
    ["REPORT", "SUCCESS"],
    ["ENFORCE", "BAD_NONCE"],
  ] as const;

  it.each(states)("under nonce: %s get %s", async (state, answer) => {
    const ask = await open({ policySource: policyWith(`nonce: ${state}`) });
    const request = signedRequest(fleet.machine, start);
    expect(await ask(request)).toBe(answer);
    expect(await ask(request)).toBe(answer);
  });

  it.each([...states.slice(0, 2), ["ENFORCE", "WRONG_SERVER_NAME"]] as const)(
    "under server_name: %s get %s",
    async (state, answer) => {
      const ask = await open({ policySource: policyWith(`server_name: ${state}`) });
      expect(await ask(signedRequest(fleet.machine, start))).toBe(answer);
    },
  );

  describeWithVectors("the bytes of LUCI's own agent", () => {
    interface Case {
      name: string;
      clock: string;
      request_hex: string;
    }
    const good = readJsonVector<{ cases: Case[] }>("mint-request/cases.json").cases.find(({ name }) => name === "good");

    it.each(states)("under nonce: %s get %s", async (state, answer) => {
      const read = async (path: string) => {
        const text = await vectorPolicy.read(path);
        if (path !== "tokenserver.cfg") return text;
        return text?.replaceAll(
          "certificate_authority {",
          `certificate_authority { request_policy { nonce: ${state} }`,
        );
      };
      const clock = () => Date.parse(good?.clock.replace(/(\.\d{3})\d*Z$/, "$1Z") ?? "");
      const revocations = { find: () => ({ inForceUntilSeconds: Number.POSITIVE_INFINITY, has: () => false }) };
      const opened = await openSqliteStorage(":memory:");
      const ask = await open({ storage: opened, policySource: { read }, revocations, clock });
      const request = fromBinary(MintMachineTokenRequestSchema, Buffer.from(good?.request_hex ?? "", "hex"));
      expect(await ask(request)).toBe(answer);
      await servers.pop()?.close();
      await opened.close();
    });
  });
});
