import { createPrivateKey } from "node:crypto";
import { createClient, createRouterTransport, type Interceptor } from "@connectrpc/connect";
import { Admin } from "@tokens/api/admin";
import { afterAll, beforeAll, expect, it } from "vitest";
import { describeWithVectors, readJsonVector, readVector, vectorPolicy } from "shared-vectors";
import { localSigner, listenerKey, startTokenServer, type Storage, type TokenServer } from "./index.js";
import { openSqliteStorage } from "./storage/sqlite.js";

interface InspectCase {
  name: string;
  token: string;
  checks: { at?: string; clock?: string }[];
  inspect?: {
    grpc_code: number;
    response?: Partial<Record<Flag, boolean>> & { certCaName?: string; signingKeyId?: string };
  };
}

type Flag = "valid" | "signed" | "nonExpired" | "nonRevoked";

const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };

/** Where the flags differ, and why. None of them is valid by ours and not by LUCI's. */
const differences: Record<string, string> = {
  "envelope-varint-11-bytes": "the lenient reader takes it; it is not valid all the same",
  "envelope-varint-overflow": "the lenient reader takes it; it is not valid all the same",
  "body-varint-overflow": "the lenient reader takes it; it is not valid all the same",
  "envelope-key-id-utf8-bom": "the client of this test drops the mark at the start of a string",
  "lifetime-292-years-plus-1": "LUCI's sum of times wraps",
  "lifetime-2^33-wrap": "LUCI's sum of times wraps",
  "lifetime-2^63": "LUCI's sum of times wraps",
  "lifetime-max": "LUCI's sum of times wraps",
  "issued-max": "LUCI's sum of times wraps",
  "issued-max-century": "LUCI's sum of times wraps",
  "sum-wraps": "LUCI's sum of times wraps",
  "issued-2^63-minus-1": "LUCI's sum of times wraps",
};

/** The fleet CA's list, which revokes two serials. */
const list = {
  inForceUntilSeconds: Number.POSITIVE_INFINITY,
  has: (serial: Uint8Array) => ["5150", "7777"].includes(Buffer.from(serial).toString("hex")),
};

describeWithVectors("InspectMachineToken beside LUCI's", () => {
  const { cases } = readJsonVector<{ cases: InspectCase[] }>("machine-token/cases.json");
  const inspected = cases.filter(({ inspect }) => inspect?.grpc_code === 0);
  let storage: Storage;
  let server: TokenServer;
  let now = 0;

  beforeAll(async () => {
    storage = await openSqliteStorage(":memory:");
    const certificate = readVector("pki/signing.cert.pem").toString("utf8");
    server = await startTokenServer({
      storage,
      appId: "example-token-server",
      serviceAccount: "minter@tokens.example.com",
      serviceVersion: "example-token-server/1.2.3",
      policySource: vectorPolicy,
      signer: localSigner(
        createPrivateKey(readVector("pki/keys/signing.key.pem")),
        certificate,
        "5b45716cc9f8bcb27b814ef5aa1a29bb5e85ee12",
      ),
      revocations: { find: (ca) => (ca === "Example Fleet CA" ? list : undefined) },
      log: silent,
      clock: () => now,
    });
  });
  afterAll(async () => {
    await server.close();
    await storage.close();
  });

  /** Asks as an administrator, at the time at which LUCI was asked. */
  async function ask({ token, checks }: InspectCase) {
    const asAdmin: Interceptor = (next) => (request) => {
      request.contextValues.set(listenerKey, "admin");
      return next(request);
    };
    const { interceptors = [], ...options } = server.routerOptions;
    const transport = createRouterTransport(server.routes, {
      router: { ...options, interceptors: [asAdmin, ...interceptors] },
    });
    const middle = checks[Math.floor(checks.length / 2)];
    now = Date.parse((middle?.at ?? middle?.clock ?? "").replace(/(\.\d{3})\d*Z$/, "$1Z"));
    return createClient(Admin, transport).inspectMachineToken({ token });
  }

  it.each(inspected)("$name", async (inspectCase) => {
    const answer = await ask(inspectCase);
    const theirs = inspectCase.inspect?.response ?? {};
    // Ours never calls good what LUCI's does not, and says why whatever is not good is not.
    if (answer.valid) expect(theirs.valid).toBe(true);
    expect(answer.valid).toBe(answer.invalidityReason === "");
    const isRead = answer.tokenType.case === "luciMachineToken";
    if (!isRead) return;
    const flags = ({ signed = false, nonExpired = false, certCaName = "", signingKeyId = "" }) => ({
      signed,
      nonExpired,
      certCaName,
      signingKeyId,
    });
    if (inspectCase.name in differences) return;
    expect(flags(answer)).toEqual(flags(theirs));
    const strict = answer.invalidityReason.includes("not in the one form");
    if (!strict) expect(answer.valid).toBe(theirs.valid ?? false);
  });
});
