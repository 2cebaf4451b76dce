import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { describeWithVectors, readJsonVector } from "shared-vectors";
import { encodeDelegationToken, encodeSubtoken } from "@tokens/machine-auth/delegation-token";
import { encodeMachineToken, encodeMachineTokenBody } from "@tokens/machine-auth/machine-token";
import { readToken } from "./read-token.js";

const issuedAt = Date.parse("2026-06-01T12:00:00Z") / 1000;
const rsaSha256 = new Uint8Array(256);

function machineToken(): string {
  const names = { machineFqdn: "host-1.example.com", issuedBy: "minter@example.com" };
  const body = { ...names, issuedAt, lifetime: 3600, caId: 1n, certSn: "01", audience: [] };
  return encodeMachineToken({ tokenBody: encodeMachineTokenBody(body), keyId: "k", rsaSha256 });
}

function delegationToken(): string {
  const serializedSubtoken = encodeSubtoken({
    delegatedIdentity: "user:alice@example.com",
    creationTime: issuedAt,
    validityDuration: 60,
    subtokenId: 7n,
    audience: ["group:services"],
    services: ["service:files"],
    requestorIdentity: "user:alice@example.com",
    kind: 1,
    tags: [],
  });
  const signer = { signerId: "user:minter@example.com", signingKeyId: "k", pkcs1Sha256Sig: rsaSha256 };
  return encodeDelegationToken({ ...signer, serializedSubtoken });
}

describe("readToken", () => {
  it("says what a machine token says", () => {
    expect(readToken(machineToken())).toMatchObject({
      kind: "machine",
      issuer: "minter@example.com",
      keyId: "k",
      signatureBytes: 256,
      issuedAt: "2026-06-01T12:00:00Z",
      expires: "2026-06-01T13:00:00Z",
      body: { machineFqdn: "host-1.example.com", certSn: "AQ==" },
      problem: null,
    });
  });

  it("says what a delegation token says", () => {
    expect(readToken(delegationToken())).toMatchObject({
      kind: "delegation",
      issuer: "user:minter@example.com",
      expires: "2026-06-01T12:01:00Z",
      body: { delegatedIdentity: "user:alice@example.com", services: ["service:files"], tags: [] },
      problem: null,
    });
  });

  it.each<[string, (token: string) => string]>([
    ["a line feed in it", (token) => `${token.slice(0, 80)}\n${token.slice(80)}`],
    ["padding", (token) => `${token}==`],
  ])("reads a token with %s, and says that nobody else does", (_what, spoil) => {
    for (const token of [machineToken(), delegationToken()]) {
      const clean = readToken(token);
      expect(readToken(spoil(token))).toEqual({ ...clean, problem: expect.stringMatching(/base64/) });
    }
  });

  it.each(["", "x", "not a token", "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln", "AAAA"])(
    "takes %j for no token",
    (text) => expect(readToken(text)).toBeUndefined(),
  );

  it("never throws, whatever it is given", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        readToken(Buffer.from(bytes).toString("base64"));
        readToken(Buffer.from(bytes).toString("latin1"));
      }),
    );
    const bytes = Buffer.from(machineToken(), "base64");
    for (let i = 0; i < bytes.length; i++) {
      const changed = Buffer.from(bytes);
      changed[i] = (changed[i] ?? 0) ^ 0x80;
      readToken(changed.toString("base64"));
    }
  });
});

describeWithVectors("readToken on LUCI's tokens", () => {
  interface Case {
    readonly name: string;
    readonly token: string;
    readonly checks: readonly { readonly luci: string }[];
  }

  /** A field of another wire type is an unknown one to Go's parser, and nonsense to ours. */
  const unreadable = ["envelope-key-id-as-varint", "envelope-signature-as-fixed64"];

  it.each([
    ["machine", "machine-token/cases.json"],
    ["delegation", "delegation/cases.json"],
  ])("reads every %s token that a checker accepts", (kind, file) => {
    const { cases } = readJsonVector<{ cases: Case[] }>(file);
    const accepted = cases.filter(({ checks }) => checks.some(({ luci }) => luci === "accepted"));
    expect(accepted.length).toBeGreaterThan(10);
    const unread = accepted.filter(({ token }) => readToken(token)?.kind !== kind).map(({ name }) => name);
    expect(unread.filter((name) => !unreadable.includes(name))).toEqual([]);
  });
});
