import { createHash, createPublicKey, generateKeyPairSync, sign, verify } from "node:crypto";
import { create, toBinary } from "@bufbuild/protobuf";
import {
  ErrorCode,
  MachineTokenRequestSchema,
  MachineTokenType,
  MintMachineTokenRequestSchema,
  SignatureAlgorithm,
} from "@tokens/api";
import { parseCertificate } from "@tokens/pki";
import { integer, sequence, TestCa } from "@tokens/pki/testing";
import { describe, expect, it } from "vitest";
import { bearerCredential } from "./access/bearer-credential.js";
import { identityProblem } from "./access/canonical-identity.js";
import { globProblem, matchesGlob } from "./access/identity-glob.js";
import { decideDelegation } from "./delegation/delegation-rules.js";
import { identitySet } from "./access/identity-set.js";
import { Refusal } from "./errors.js";
import { machineNameOf } from "./machine-tokens/machine-name.js";
import { proveRequest } from "./machine-tokens/machine-token-request.js";
import { compilePolicy } from "./policies/compile-policy.js";
import { PolicyError } from "./policies/policy-problem.js";
import { policyOfFiles } from "./policies/policy-reader.js";

const now = Date.parse("2026-06-01T12:00:00Z");
const ca = TestCa.create("Fleet CA");

/** The bytes of a machine's request. */
function requestBytes(certificate: Uint8Array, signatureAlgorithm: number): Uint8Array {
  const issuedAt = { seconds: BigInt(now / 1000), nanos: 0 };
  const tokenType = MachineTokenType.LUCI_MACHINE_TOKEN;
  const request = create(MachineTokenRequestSchema, { certificate, signatureAlgorithm, issuedAt, tokenType });
  return toBinary(MachineTokenRequestSchema, request);
}

/** What the server finds of a signed request. */
function verdict(serializedTokenRequest: Uint8Array, signature: Uint8Array): string {
  try {
    proveRequest(create(MintMachineTokenRequestSchema, { serializedTokenRequest, signature }), now, () => true);
    return "proven";
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return ErrorCode[error.errorCode ?? 0] ?? "";
  }
}

describe("attack 1: algorithm confusion", () => {
  it.each(["none", "None", "NONE", "HS256", "HS512", "A128KW", ""])("a JWT with alg %j proves nothing", async (alg) => {
    const issuer = "https://id.example.com";
    const unasked = () => Promise.reject(new Error("its keys are asked for"));
    const keys = { current: unasked, refreshed: unasked } as never;
    const entries = [{ issuer, audience: "tokens", domains: undefined }];
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
    const claims = { iss: issuer, aud: "tokens", exp: now / 1000 + 60, email: "a@example.com", email_verified: true };
    const token = `${part({ alg, typ: "JWT" })}.${part(claims)}.`;
    const call = {
      headers: new Headers({ authorization: `Bearer ${token}` }),
      clientCertificate: undefined,
      nowMs: now,
    };
    const identified = bearerCredential(new Map([[issuer, { entries, keys }]])).identify(call);
    await expect(identified).rejects.toThrow();
  });
});

describe("attack 7: Bleichenbacher's forgery", () => {
  it("exponent 1: the signature is what is signed, and no request is proven by it", () => {
    const { n = "" } = createPublicKey(generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey).export({
      format: "jwk",
    });
    const publicKey = createPublicKey({ key: { kty: "RSA", n, e: "AQ" }, format: "jwk" });
    const { certificate } = ca.issue("host.example.com", { publicKey });
    const bytes = requestBytes(certificate, SignatureAlgorithm.SHA256_RSA_ALGO);
    const digest = Buffer.from("3031300d060960864801650304020105000420", "hex");
    const padded = (sha256: Buffer) =>
      Buffer.concat([
        Buffer.from([0, 1]),
        Buffer.alloc(256 - 3 - digest.length - 32, 0xff),
        Buffer.of(0),
        digest,
        sha256,
      ]);
    const forged = padded(createHash("sha256").update(bytes).digest());
    // Node itself takes it: whoever looks at the signature alone is deceived.
    expect(verify("sha256", bytes, publicKey, forged)).toBe(true);
    expect(verdict(bytes, forged)).toBe("BAD_SIGNATURE");
  });

  it("exponent 3: a machine with such a key gets nothing, even with a real signature", () => {
    const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048, publicExponent: 3 });
    const bytes = requestBytes(ca.issue("host.example.com", { privateKey }).certificate, 1);
    expect(verdict(bytes, sign("sha256", bytes, privateKey))).toBe("BAD_SIGNATURE");
  });
});

it("attack 8: malleable ECDSA: the other value of a signature proves the same request, and nothing is named after signatures", () => {
  const privateKey = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
  const bytes = requestBytes(ca.issue("host.example.com", { privateKey }).certificate, 1000);
  const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
  const raw = sign("sha256", bytes, { key: privateKey, dsaEncoding: "ieee-p1363" });
  const s = BigInt(`0x${raw.subarray(32).toString("hex")}`);
  const other = Buffer.concat([raw.subarray(0, 32), Buffer.from((order - s).toString(16).padStart(64, "0"), "hex")]);
  const signatures = [raw, other].map((pair) =>
    sequence(...[pair.subarray(0, 32), pair.subarray(32)].map((half) => integer(BigInt(`0x${half.toString("hex")}`)))),
  );
  expect(signatures.map((signature) => verdict(bytes, signature))).toEqual(["proven", "proven"]);
  const [signature = Buffer.of()] = signatures;
  const call = create(MintMachineTokenRequestSchema, { serializedTokenRequest: bytes, signature });
  expect(() => proveRequest(call, now)).toThrow("is not supported");
  // Without the strict form there were many more: padded numbers, long lengths, something behind.
  const loose = [
    Buffer.concat([signature, Buffer.of(0)]),
    Buffer.concat([Buffer.of(0x30, 0x81, signature.length - 2), signature.subarray(2)]),
    raw,
  ];
  expect(loose.map((signature) => verdict(bytes, signature))).toEqual([
    "BAD_SIGNATURE",
    "BAD_SIGNATURE",
    "BAD_SIGNATURE",
  ]);
});

describe("attack 28: names that only look alike", () => {
  it.each([
    "user:Alice@example.com",
    "user:alice@Example.com",
    "user:alice@example.com.",
    "user:\u0430lice@example.com",
    "user:\u212Aelvin@example.com",
    "bot:HOST.example.com",
    "bot:host.example.com.",
    "bot:*.example.com",
    "bot:host..example.com",
    "bot:user:alice@example.com",
    "user:bot:host.example.com",
    "User:alice@example.com",
    " user:alice@example.com",
    "user:alice@example.com\0",
    "user:alice@example.com\n",
  ])("%j is refused in a rule, and not repaired", (identity) => {
    expect(identityProblem(identity)).toBeDefined();
  });

  it("a host name is one of its domain, of its one common name, or none", () => {
    const named = (...commonNames: string[]) =>
      ({ subject: { commonNames, der: new Uint8Array() }, dnsNames: [] }) as unknown as Parameters<
        typeof machineNameOf
      >[0];
    expect(machineNameOf(named("HOST.Example.com")).fqdn).toBe("host.example.com");
    expect(machineNameOf(named("xn--hst-sna.example.com")).fqdn).toBe("xn--hst-sna.example.com");
    for (const names of [
      ["host.example.com."],
      ["*.example.com"],
      ["h\u0430st.example.com"],
      ["a.example.com", "b.evil.com"],
    ]) {
      expect(() => machineNameOf(named(...names))).toThrow(Refusal);
    }
  });

  it("a pattern matches no longer domain that only ends alike without a border", () => {
    expect(matchesGlob("bot:host.evilexample.com", "bot:*.example.com")).toBe(false);
    expect(matchesGlob("user:a@evilexample.com", "user:*@example.com")).toBe(false);
    expect(matchesGlob("user:bot:x.example.com", "bot:*.example.com")).toBe(false);
    expect(globProblem("*")).toBeDefined();
    expect(globProblem("*:admin")).toBeDefined();
  });
});

describe("attack 29: rules that widen", () => {
  const rule = (name: string, lines = "") => `rules {
    name: "${name}" owner: "o" requestor: "user:a@example.com" allowed_to_impersonate: "REQUESTOR" ${lines}
    allowed_audience: "REQUESTOR" target_service: "service:s" max_validity_duration: 60
  }`;
  const asked = {
    requestor: "user:a@example.com",
    delegator: "user:a@example.com",
    audience: identitySet(["user:a@example.com"]),
    services: identitySet(["service:s"]),
  };
  const decide = async (text: string, changes = {}) => {
    const { policy } = await compilePolicy(policyOfFiles({ "delegation.cfg": text }));
    return decideDelegation(policy.delegation, { ...asked, ...changes }, 60n, policy.groups);
  };

  it("a request that two rules allow is allowed by neither, and one that no rule allows by nobody", async () => {
    expect((await decide(rule("one"))).rule?.name).toBe("one");
    expect((await decide(rule("one") + rule("two"))).rule).toBeUndefined();
    expect((await decide("")).rule).toBeUndefined();
  });

  it("`*` is allowed where a rule says `*`, and is part of nothing else", async () => {
    expect((await decide(rule("one"), { audience: identitySet(["*"]) })).rule).toBeUndefined();
    expect((await decide(rule("one"), { services: identitySet(["*"]) })).rule).toBeUndefined();
    expect((await decide(rule("one"), { audience: identitySet(["user:a@example.com", "*"]) })).rule).toBeUndefined();
  });

  it("an empty list allows nothing: such a rule does not come into force", async () => {
    for (const field of ["requestor", "allowed_to_impersonate", "allowed_audience", "target_service"]) {
      const text = rule("one").replace(new RegExp(`\\b${field}: "[^"]*"`), "");
      await expect(decide(text)).rejects.toThrow(PolicyError);
    }
  });

  it("REQUESTOR is who asks, not what it is called", async () => {
    expect((await decide(rule("one"), { delegator: "user:b@example.com" })).rule).toBeUndefined();
    expect((await decide(rule("one"), { audience: identitySet(["REQUESTOR"]) })).rule).toBeUndefined();
  });
});

describe("attack 34: prototype pollution", () => {
  it.each([
    ["delegation.yaml", "__proto__:\n  rules: []\n"],
    ["groups.yaml", "groups:\n- name: g\n  __proto__: {members: [user:a@example.com]}\n"],
    ["groups.yaml", "groups:\n- name: g\n  name: h\n"],
    ["groups.yaml", "groups: []\ngroups: []\n"],
    ["delegation.yaml", "rules:\n- name: r\n  max_validity_duration: 1e400\n"],
    ["delegation.cfg", "__proto__ { }"],
    ["delegation.cfg", "constructor: 1"],
    ["tokenserver.cfg", "certificate_authority { toString: 1 }"],
  ])("a policy file %s with %j is refused", async (name, text) => {
    await expect(compilePolicy(policyOfFiles({ [name]: text }))).rejects.toThrow(PolicyError);
    expect(Object.keys(Object.prototype)).toEqual([]);
  });

  it("groups, CAs and rules that are called like properties of objects are only what the policy says", async () => {
    const text = 'groups { name: "constructor" members: "user:a@example.com" }';
    const { policy } = await compilePolicy(policyOfFiles({ "groups.cfg": text }));
    expect(policy.groups.has("constructor", "user:a@example.com")).toBe(true);
    for (const name of ["__proto__", "toString", "hasOwnProperty"]) {
      expect(policy.groups.has(name, "user:a@example.com")).toBe(false);
      expect(policy.cas.get(name)).toBeUndefined();
    }
  });
});

it("attack 35: log injection: what is said of a bad name stands in one line, and no certificate is in it", () => {
  for (const commonName of ["a\nb.example.com", "\u001b[31mred.example.com", "a\u2028b.example.com", "host"]) {
    const { certificate } = ca.issue(commonName);
    try {
      machineNameOf(parseCertificate(certificate));
      expect.unreachable("it is a name");
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      for (const text of [error.message, error.detail]) {
        expect(text).toMatch(/^[\x20-\x7e]*$/);
        expect(text).not.toContain(Buffer.from(certificate).toString("base64").slice(0, 16));
      }
    }
  }
});
