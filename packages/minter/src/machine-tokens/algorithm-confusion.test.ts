import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { create, toBinary } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import {
  ErrorCode,
  MachineTokenRequestSchema,
  MachineTokenType,
  type MintMachineTokenRequest,
  MintMachineTokenRequestSchema,
  SignatureAlgorithm as Algorithm,
} from "@tokens/api";
import { TestCa } from "@tokens/pki/testing";
import { describe, expect, it } from "vitest";
import { Refusal } from "../errors.js";
import { proveRequest } from "./machine-token-request.js";

const now = Date.parse("2026-06-01T12:00:00Z");
const ca = TestCa.create("CA");

const KEYS: Record<string, KeyObject> = {
  "RSA-2048": generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey,
  "P-256": generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey,
  "P-384": generateKeyPairSync("ec", { namedCurve: "P-384" }).privateKey,
  "P-521": generateKeyPairSync("ec", { namedCurve: "P-521" }).privateKey,
  Ed25519: generateKeyPairSync("ed25519").privateKey,
};

/** Each kind of key has one name; unknown numbers and names of other protocols (0 stands for "none") have no key. */
const ALGORITHMS = [0, 1, 2, 99, 999, 1000, 1001, 1002, 1003, 2 ** 31 - 1] as Algorithm[];
const ALLOWED: Record<string, Algorithm> = {
  "RSA-2048": Algorithm.SHA256_RSA_ALGO,
  "P-256": Algorithm.SHA256_ECDSA_P256_ALGO,
  "P-384": Algorithm.SHA384_ECDSA_P384_ALGO,
  Ed25519: Algorithm.ED25519_ALGO,
};

type Digest = "sha256" | "sha384" | null;

function requestOf(privateKey: KeyObject, signatureAlgorithm: Algorithm, digest: Digest): MintMachineTokenRequest {
  const { certificate } = ca.issue("host-1.fleet.example.com", { privateKey });
  const issuedAt = timestampFromMs(now);
  const tokenType = MachineTokenType.LUCI_MACHINE_TOKEN;
  const fields = { certificate, signatureAlgorithm, issuedAt, tokenType };
  const serializedTokenRequest = toBinary(MachineTokenRequestSchema, create(MachineTokenRequestSchema, fields));
  const signature = sign(digest, serializedTokenRequest, privateKey);
  return create(MintMachineTokenRequestSchema, { serializedTokenRequest, signature });
}

function verdict(prove: () => unknown): string {
  try {
    prove();
    return "proven";
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return ErrorCode[error.errorCode ?? -1] ?? "RPC error";
  }
}

/** Signatures that a key can make, by digest: whoever lies about the algorithm may have used any. */
const digestsOf = ({ asymmetricKeyType }: KeyObject): Digest[] =>
  asymmetricKeyType === "ed25519" ? [null] : ["sha256", "sha384"];

const taken = { yes: () => true, no: () => false };

describe("attack 1: algorithm confusion in signatures of requests", () => {
  it.each(Object.keys(KEYS))("a key of kind %s signs with one algorithm, and no other name for it is taken", (kind) => {
    const key = KEYS[kind] as KeyObject;
    const proven = ALGORITHMS.flatMap((algorithm) =>
      digestsOf(key).flatMap((digest) => {
        const request = requestOf(key, algorithm, digest);
        return verdict(() => proveRequest(request, now, taken.yes)) === "proven" ? [[algorithm, digest]] : [];
      }),
    );
    const digest = { "RSA-2048": "sha256", "P-256": "sha256", "P-384": "sha384", Ed25519: null }[kind];
    expect(proven).toEqual(kind in ALLOWED ? [[ALLOWED[kind], digest]] : []);
  });

  it.each(Object.keys(KEYS))("where EC keys are not taken, a key of kind %s gets LUCI's answers", (kind) => {
    const key = KEYS[kind] as KeyObject;
    for (const algorithm of ALGORITHMS) {
      const [digest = null] = digestsOf(key);
      const answer = verdict(() => proveRequest(requestOf(key, algorithm, digest), now, taken.no));
      const rsa = kind === "RSA-2048" ? "proven" : "BAD_SIGNATURE";
      expect(answer).toBe(algorithm === Algorithm.SHA256_RSA_ALGO ? rsa : "UNSUPPORTED_SIGNATURE");
    }
  });

  it.each(Object.keys(KEYS))(
    "where EC keys are taken, a key of kind %s gets LUCI's answers to all other names",
    (kind) => {
      const key = KEYS[kind] as KeyObject;
      const [digest = null] = digestsOf(key);
      for (const algorithm of ALGORITHMS.filter((each) => each !== ALLOWED[kind])) {
        const answer = verdict(() => proveRequest(requestOf(key, algorithm, digest), now, taken.yes));
        expect(answer).toBe(algorithm === Algorithm.SHA256_RSA_ALGO ? "BAD_SIGNATURE" : "UNSUPPORTED_SIGNATURE");
      }
    },
  );

  it.each(Object.entries(ALLOWED))("a %s signature is of these bytes and this key", (kind, algorithm) => {
    const key = KEYS[kind] as KeyObject;
    const digest = kind === "Ed25519" ? null : kind === "P-384" ? "sha384" : "sha256";
    const good = requestOf(key, algorithm, digest);
    const bad = [
      { ...good, signature: new Uint8Array() },
      { ...good, signature: good.signature.subarray(1) },
      { ...good, signature: Buffer.concat([good.signature, Buffer.of(0)]) },
      { ...good, signature: sign(digest, Buffer.from("other bytes"), key) },
    ];
    for (const request of bad) expect(verdict(() => proveRequest(request, now, taken.yes))).toBe("BAD_SIGNATURE");
  });

  it("an ECDSA signature has one encoding: DER, not the two numbers side by side", () => {
    const key = KEYS["P-256"] as KeyObject;
    const good = requestOf(key, Algorithm.SHA256_ECDSA_P256_ALGO, "sha256");
    const signature = sign("sha256", good.serializedTokenRequest, { key, dsaEncoding: "ieee-p1363" });
    expect(verdict(() => proveRequest({ ...good, signature }, now, taken.yes))).toBe("BAD_SIGNATURE");
  });
});
