import { createPrivateKey } from "node:crypto";
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError, createClient, createRouterTransport } from "@connectrpc/connect";
import {
  ErrorCode,
  MintMachineTokenRequestSchema,
  type MintMachineTokenResponse,
  MintMachineTokenResponseSchema,
  TokenMinter,
} from "@tokens/api";
import { afterAll, beforeAll, expect, it } from "vitest";
import { describeWithVectors, readJsonVector, readVector, vectorPolicy } from "shared-vectors";
import { localSigner, type RevocationList, type RevocationLists, startTokenServer, type Storage } from "./index.js";
import type { PolicySource } from "./policy.js";
import { openSqliteStorage } from "./storage/sqlite.js";

interface MintCase {
  name: string;
  clock: string;
  server?: "empty" | "removed-ca-back";
  request_hex: string;
  luci: {
    grpc_code: number;
    error_code?: string;
    error_message?: string;
    grpc_message?: string;
    response_hex?: string;
  };
}

interface MintVectors {
  server: { app_id: string; key_id: string; service_account: string; service_version: string };
  cases: MintCase[];
}

const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };

/** The fleet CA's list revokes two serials; the list of the not-ready CA was never fetched. */
const fleetList: RevocationList = {
  inForceUntilSeconds: Number.POSITIVE_INFINITY,
  has: (serial) => ["5150", "7777"].includes(Buffer.from(serial).toString("hex")),
};
const revocations: RevocationLists = { find: (ca) => (ca === "Example Fleet CA" ? fleetList : undefined) };

function policyOf(server: MintCase["server"]): PolicySource {
  const first = server === "removed-ca-back" ? readVector("mint-request/tokenserver.before.cfg").toString("utf8") : "";
  const read = (path: string) => (path === "tokenserver.cfg" ? Promise.resolve(first) : vectorPolicy.read(path));
  return server === undefined ? vectorPolicy : { read };
}

async function serverFor({ server, clock }: MintCase, vectors: MintVectors, storage: Storage) {
  const key = createPrivateKey(readVector("pki/keys/signing.key.pem"));
  const certificate = readVector("pki/signing.cert.pem").toString("utf8");
  return startTokenServer({
    storage,
    appId: vectors.server.app_id,
    serviceAccount: vectors.server.service_account,
    serviceVersion: vectors.server.service_version,
    policySource: policyOf(server),
    signer: localSigner(key, certificate, vectors.server.key_id),
    revocations,
    log: silent,
    clock: () => Date.parse(clock.replace(/(\.\d{3})\d*Z$/, "$1Z")),
  });
}

/** What ours answers where LUCI's server mints, or says something else. Each is stricter, and why. */
const differences: Record<string, [answer: string, reason: string]> = {
  "cn-leading-dot": ["BAD_TOKEN_ARGUMENTS", "a label is 1 to 63 letters, digits, '-' and '_'"],
  "cn-double-dot": ["BAD_TOKEN_ARGUMENTS", "an empty label"],
  "cn-space": ["BAD_TOKEN_ARGUMENTS", "a blank in a name: every checker refuses the token"],
  "cn-unicode": ["BAD_TOKEN_ARGUMENTS", "a letter outside ASCII: every checker refuses the token"],
  "cn-teletex": ["BAD_TOKEN_ARGUMENTS", "a letter outside ASCII: every checker refuses the token"],
  "cn-at": ["BAD_TOKEN_ARGUMENTS", "an at sign in a name"],
  "cn-newline": ["BAD_TOKEN_ARGUMENTS", "a line feed in a name: every checker refuses the token"],
  "cn-nul": ["BAD_TOKEN_ARGUMENTS", "a NUL in a name: every checker refuses the token"],
  "cn-slash": ["BAD_TOKEN_ARGUMENTS", "a slash in a name: every checker refuses the token"],
  "cn-wildcard": ["BAD_TOKEN_ARGUMENTS", "a wildcard is no machine: every checker refuses the token"],
  "cn-kelvin-sign": ["BAD_TOKEN_ARGUMENTS", "it would become the token of another machine, host-k…"],
  "cn-long": ["BAD_TOKEN_ARGUMENTS", "a name of more than 253 characters"],
  "cn-two": ["BAD_TOKEN_ARGUMENTS", "readers disagree on which of two common names counts"],
  "domain-eternal": ["BAD_TOKEN_ARGUMENTS", "a lifetime above a day mints nothing"],
  "domain-empty-config": ["BAD_TOKEN_ARGUMENTS", "a name with a dot at its end"],
  "serial-21-octets": ["UNTRUSTED_CERTIFICATE", "RFC 5280 allows 20 octets"],
  "ca-expired": ["UNTRUSTED_CERTIFICATE", "the CA certificate has expired"],
  "ca-path-len": ["UNTRUSTED_CERTIFICATE", "a machine's certificate is not one of a CA"],
  "ca-constrained": ["UNTRUSTED_CERTIFICATE", "name constraints are kept"],
  "issuer-other-organization": ["UNTRUSTED_CERTIFICATE", "the whole name of the issuer counts"],
  "usage-cert-sign": ["UNTRUSTED_CERTIFICATE", "the key is not meant for signing requests"],
  "critical-extension": ["UNTRUSTED_CERTIFICATE", "an unknown critical extension must not be skipped"],
  "key-1024": ["BAD_SIGNATURE", "RSA keys have 2048 to 8192 bits"],
  "issued-nanos-2e9": ["BAD_TIMESTAMP", "nanoseconds are 0 to 999,999,999"],
  "request-certificate-twice": ["InvalidArgument", "readers disagree on which of two values counts"],
  "request-issued-at-merged": ["InvalidArgument", "a singular field is there once"],
  "request-issued-at-twice": ["InvalidArgument", "readers disagree on which of two values counts"],
  "request-type-twice": ["InvalidArgument", "readers disagree on which of two values counts"],
  "request-type-64-bit": ["InvalidArgument", "a number that does not fit is not cut"],
};

/** Where both refuse with the same code and ours says why in other words. */
const otherWords: Record<string, string> = {
  "cn-trailing-dot": "the name is none, whatever its domain",
  "algorithm-1000": "the number has a name by now",
};

/** What LUCI's library says of a signature or of unreadable bytes is not LUCI's word; what comes before is. */
const ownWords = (text = "") => text.split(" - ")[0];

function textOf(answer: MintMachineTokenResponse | ConnectError): string {
  return answer instanceof ConnectError ? answer.rawMessage : answer.errorMessage;
}

describeWithVectors("MintMachineToken answers as LUCI's server", () => {
  const vectors = readJsonVector<MintVectors>("mint-request/cases.json");
  let storage: Storage;
  beforeAll(async () => void (storage = await openSqliteStorage(":memory:")));
  afterAll(() => storage.close());

  it.each(vectors.cases)("$name", async (mintCase) => {
    const tokenServer = await serverFor(mintCase, vectors, storage);
    const transport = createRouterTransport(tokenServer.routes, { router: tokenServer.routerOptions });
    const minter = createClient(TokenMinter, transport);
    const request = fromBinary(MintMachineTokenRequestSchema, Buffer.from(mintCase.request_hex, "hex"));
    const answer = await minter.mintMachineToken(request).catch((error: unknown) => ConnectError.from(error));
    await tokenServer.close();
    const said = answer instanceof ConnectError ? Code[answer.code] : ErrorCode[answer.errorCode];
    const { luci } = mintCase;
    const luciSaid = luci.grpc_code === 0 ? luci.error_code : Code[luci.grpc_code];
    expect(said).toBe(differences[mintCase.name]?.[0] ?? luciSaid);
    const luciText = ownWords(luci.error_message ?? luci.grpc_message);
    const isSame = said === luciSaid && !(mintCase.name in otherWords);
    if (isSame) expect(ownWords(textOf(answer))).toBe(luciText);
    const bytes =
      answer instanceof ConnectError
        ? ""
        : Buffer.from(toBinary(MintMachineTokenResponseSchema, answer)).toString("hex");
    const expectedBytes = said === "SUCCESS" ? luci.response_hex : bytes;
    expect(bytes).toBe(expectedBytes);
  });

  it("lists no difference that is none", () => {
    const same = vectors.cases.filter(
      ({ name, luci }) => differences[name]?.[0] === (luci.error_code ?? Code[luci.grpc_code]),
    );
    expect(same.map(({ name }) => name)).toEqual([]);
  });
});
