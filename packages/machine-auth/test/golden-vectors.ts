import { createPrivateKey, sign } from "node:crypto";
import { readFileSync } from "node:fs";
import {
  BEARER_DELEGATION_TOKEN,
  encodeDelegationToken,
  encodeSubtoken,
  type Subtoken,
} from "../src/delegation-token.js";
import type { TokenRejectedCode } from "../src/errors.js";
import {
  encodeMachineToken,
  encodeMachineTokenBody,
  type MachineTokenBody,
  tokenFingerprint,
} from "../src/machine-token.js";

/** A token that a verifier is asked about, and what it has to say. */
export interface GoldenVector {
  readonly name: string;
  readonly expect: TokenRejectedCode | "accepted";
  readonly about: string;
  /** When, RFC 3339. */
  readonly at: string;
  /** The name of the service that asks, in the audience of machine tokens. */
  readonly audience?: string;
  /** The identity of the service that asks, in delegation tokens. */
  readonly service?: string;
  /** Who sends a delegation token. Where there is none, the tokens are machine tokens. */
  readonly peer?: string;
  /** What was revoked: `token FINGERPRINT`, `machine FQDN`, `certificate CA-ID SERIAL` or `ca CA-ID`. */
  readonly revoked?: string;
  /** The values of the token header. */
  readonly tokens: readonly string[];
}

const keys = new URL("../testdata/keys/", import.meta.url);
const keyOf = (name: string) => createPrivateKey(readFileSync(new URL(`${name}.key.pem`, keys)));

/** Who signs the tokens of the vectors, and its certificate as PEM. The keys are worthless by design. */
export const golden = {
  issuer: "tokens@golden.example.com",
  keyId: "golden-1",
  certificatePem: readFileSync(new URL("signing.cert.pem", keys), "utf8"),
} as const;

const ISSUED_AT = Date.parse("2026-06-01T12:00:00Z") / 1000;

const goodBody: MachineTokenBody = {
  machineFqdn: "host-1.golden.example.com",
  issuedBy: golden.issuer,
  issuedAt: ISSUED_AT,
  lifetime: 3600,
  caId: 42n,
  certSn: "600d",
  audience: [],
};

interface Envelope {
  readonly key?: string;
  readonly keyId?: string;
}

function tokenOf(tokenBody: Uint8Array, { key = "signing", keyId = golden.keyId }: Envelope = {}): string {
  return encodeMachineToken({ tokenBody, keyId, rsaSha256: sign("sha256", tokenBody, keyOf(key)) });
}

function unpadded(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64").replaceAll("=", "");
}

function token(changes: Partial<MachineTokenBody> = {}, envelope: Envelope = {}): string {
  return tokenOf(encodeMachineTokenBody({ ...goodBody, ...changes }), envelope);
}

const goodSubtoken: Subtoken = {
  delegatedIdentity: "user:alice@golden.example.com",
  creationTime: ISSUED_AT,
  validityDuration: 3600,
  subtokenId: 4242n,
  audience: ["user:robot@golden.example.com"],
  services: ["service:files"],
  requestorIdentity: "user:robot@golden.example.com",
  kind: BEARER_DELEGATION_TOKEN,
  tags: ["reason:golden"],
};

function delegation(changes: Partial<Subtoken> = {}, { key = "signing", keyId = golden.keyId }: Envelope = {}): string {
  const serializedSubtoken = encodeSubtoken({ ...goodSubtoken, ...changes });
  const pkcs1Sha256Sig = sign("sha256", serializedSubtoken, keyOf(key));
  return encodeDelegationToken({
    signerId: `user:${golden.issuer}`,
    signingKeyId: keyId,
    pkcs1Sha256Sig,
    serializedSubtoken,
  });
}

function vector(
  name: string,
  expect: GoldenVector["expect"],
  about: string,
  tokens: string | readonly string[],
  more: Partial<GoldenVector> = {},
): GoldenVector {
  return { name, expect, about, at: "2026-06-01T12:30:00Z", tokens: [tokens].flat(), ...more };
}

const good = token();
const goodBytes = Buffer.from(good, "base64");
const flippedBytes = Buffer.concat([goodBytes.subarray(0, -1), Buffer.of((goodBytes.at(-1) ?? 0) ^ 1)]);
const unknownField = Buffer.concat([encodeMachineTokenBody(goodBody), Buffer.from("c83f01", "hex")]);

const machineTokens: readonly GoldenVector[] = [
  vector("good", "accepted", "a machine token", good),
  vector("good-from", "accepted", "clocks may differ by ten seconds", good, { at: "2026-06-01T11:59:50Z" }),
  vector("good-to", "accepted", "clocks may differ by ten seconds", good, { at: "2026-06-01T13:00:10Z" }),
  vector("good-audience", "accepted", "for two services, one of which asks", token({ audience: ["a", "b"] }), {
    audience: "b",
  }),
  vector("not-yet-valid", "NOT_YET_VALID", "a second too early", good, { at: "2026-06-01T11:59:49Z" }),
  vector("expired", "EXPIRED", "a second too late", good, { at: "2026-06-01T13:00:11Z" }),
  vector(
    "unknown-issuer",
    "UNKNOWN_ISSUER",
    "other letters are another issuer",
    token({ issuedBy: "Tokens@golden.example.com" }),
  ),
  vector(
    "unknown-key",
    "UNKNOWN_KEY",
    "its issuer publishes no such key",
    token({}, { key: "stranger", keyId: "golden-2" }),
  ),
  vector("bad-signature", "BAD_SIGNATURE", "one bit of the signature is another", unpadded(flippedBytes)),
  vector("stranger", "BAD_SIGNATURE", "a stranger names the issuer's key", token({}, { key: "stranger" })),
  vector(
    "bad-identity",
    "BAD_IDENTITY",
    "a machine name with a blank",
    token({ machineFqdn: "host 1.golden.example.com" }),
  ),
  vector("wrong-audience", "WRONG_AUDIENCE", "for others", token({ audience: ["a"] }), { audience: "b" }),
  vector("wrong-audience-nameless", "WRONG_AUDIENCE", "the service has no name", token({ audience: ["a"] })),
  vector("revoked-token", "REVOKED", "itself", good, { revoked: `token ${tokenFingerprint(good)}` }),
  vector("revoked-machine", "REVOKED", "its machine", good, { revoked: `machine ${goodBody.machineFqdn}` }),
  vector("revoked-certificate", "REVOKED", "its certificate", good, { revoked: "certificate 42 600d" }),
  vector("revoked-ca", "REVOKED", "its CA", good, { revoked: "ca 42" }),
  vector("revoked-other", "accepted", "another certificate of its CA", good, { revoked: "certificate 42 600e" }),
  vector("duplicate-header", "DUPLICATE_HEADER", "two tokens in one request", [good, good]),
  vector("too-large", "TOO_LARGE", "more than 8192 characters", "A".repeat(8193)),
  vector("padded", "MALFORMED", "base64 with padding", goodBytes.toString("base64")),
  vector("url-alphabet", "MALFORMED", "the other alphabet of base64", goodBytes.toString("base64url")),
  vector("cut-short", "MALFORMED", "a part of a token", good.slice(0, 400)),
  vector("unknown-field", "MALFORMED", "a body with a field that nobody knows", tokenOf(unknownField)),
  vector("eternal", "MALFORMED", "a token that lives for a century", token({ lifetime: 3_155_760_000 })),
];

const files = { service: "service:files", peer: "user:robot@golden.example.com" };

const delegationTokens: readonly GoldenVector[] = [
  vector("delegation-good", "accepted", "a delegation token", delegation(), files),
  vector("delegation-good-from", "accepted", "29 seconds early", delegation(), {
    ...files,
    at: "2026-06-01T11:59:31Z",
  }),
  vector("delegation-good-to", "accepted", "its last second", delegation(), { ...files, at: "2026-06-01T13:00:00Z" }),
  vector(
    "delegation-good-anybody",
    "accepted",
    "for anybody, anywhere",
    delegation({ audience: ["*"], services: ["*"] }),
    {
      service: "service:other",
      peer: "user:other@golden.example.com",
    },
  ),
  vector("delegation-not-yet-valid", "NOT_YET_VALID", "30 seconds early", delegation(), {
    ...files,
    at: "2026-06-01T11:59:30Z",
  }),
  vector("delegation-expired", "EXPIRED", "a second too late", delegation(), { ...files, at: "2026-06-01T13:00:01Z" }),
  vector("delegation-wrong-service", "WRONG_SERVICE", "for another service", delegation(), {
    ...files,
    service: "service:mail",
  }),
  vector("delegation-wrong-audience", "WRONG_AUDIENCE", "for another peer", delegation(), {
    ...files,
    peer: "user:other@golden.example.com",
  }),
  vector("delegation-wrong-kind", "WRONG_KIND", "a kind that is none", delegation({ kind: 0 }), files),
  vector(
    "delegation-bad-identity",
    "BAD_IDENTITY",
    "delegates a group",
    delegation({ delegatedIdentity: "group:all" }),
    files,
  ),
  vector(
    "delegation-unknown-key",
    "UNKNOWN_KEY",
    "its issuer publishes no such key",
    delegation({}, { keyId: "golden-2" }),
    files,
  ),
  vector("delegation-stranger", "BAD_SIGNATURE", "a stranger signed it", delegation({}, { key: "stranger" }), files),
  vector("delegation-revoked", "REVOKED", "itself", delegation(), {
    ...files,
    revoked: `token ${tokenFingerprint(delegation())}`,
  }),
  vector(
    "delegation-eternal",
    "MALFORMED",
    "lives for more than a day",
    delegation({ validityDuration: 86_401 }),
    files,
  ),
  vector("delegation-is-machine", "MALFORMED", "a machine token in its place", good, files),
  vector("machine-is-delegation", "MALFORMED", "a delegation token in its place", delegation()),
  vector("delegation-twice", "DUPLICATE_HEADER", "two tokens in one request", [delegation(), delegation()], files),
];

/** All vectors, made from the fixed keys: RSA by PKCS#1 v1.5 gives the same bytes every time. */
export const goldenVectors: readonly GoldenVector[] = [...machineTokens, ...delegationTokens];

/** A vector as it stands in its file: headers, an empty line, and a line per token. */
export function writeVector({ tokens, ...vector }: GoldenVector): string {
  const headers = Object.entries(vector).filter(([name]) => name !== "name");
  return `${headers.map(([name, value]) => `${name}: ${value}`).join("\n")}\n\n${tokens.join("\n")}\n`;
}
