import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { DelegationTokenSchema, SubtokenSchema } from "@tokens/api";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SUBTOKEN } from "../test/token-issuer.js";
import {
  decodeSubtoken,
  decodeUnverifiedDelegationToken,
  encodeDelegationToken,
  encodeSubtoken,
  MAX_DELEGATION_TOKEN_BYTES,
  MAX_DELEGATION_TOKEN_LENGTH,
  type Subtoken,
} from "./delegation-token.js";
import { TokenRejected } from "./errors.js";
import { encodeBase64 } from "./token-text.js";

const text = fc.string({ unit: "grapheme", minLength: 1, maxLength: 40 });
const subtokens: fc.Arbitrary<Subtoken> = fc.record({
  delegatedIdentity: fc.option(text, { nil: "" }),
  creationTime: fc.maxSafeNat(),
  validityDuration: fc.nat(2 ** 31 - 1),
  subtokenId: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  audience: fc.array(text, { maxLength: 4 }),
  services: fc.array(text, { maxLength: 4 }),
  requestorIdentity: fc.option(text, { nil: "" }),
  kind: fc.nat(2 ** 31 - 1),
  tags: fc.array(text, { maxLength: 4 }),
});

const rejectedWith = (code: string) => expect.objectContaining({ name: "TokenRejected", code }) as unknown;

function orRejection<T>(read: () => T): T | TokenRejected {
  try {
    return read();
  } catch (error) {
    if (error instanceof TokenRejected) return error;
    throw error;
  }
}

describe("the encoding of a delegation token", () => {
  it("is undone by decoding", () => {
    fc.assert(
      fc.property(subtokens, text, text, fc.uint8Array({ maxLength: 300 }), (subtoken, signerId, keyId, signature) => {
        const token = encodeDelegationToken({
          signerId,
          signingKeyId: keyId,
          pkcs1Sha256Sig: signature,
          serializedSubtoken: encodeSubtoken(subtoken),
        });
        const envelope = decodeUnverifiedDelegationToken(token);
        expect([envelope.signerId, envelope.signingKeyId]).toEqual([signerId, keyId]);
        expect(Buffer.from(envelope.pkcs1Sha256Sig)).toEqual(Buffer.from(signature));
        expect(decodeSubtoken(envelope.serializedSubtoken)).toEqual(subtoken);
      }),
    );
  });

  it("is that of the protocol's own code generator", () => {
    fc.assert(
      fc.property(subtokens, text, (subtoken, signerId) => {
        const message = create(SubtokenSchema, {
          ...subtoken,
          creationTime: BigInt(subtoken.creationTime),
          audience: [...subtoken.audience],
          services: [...subtoken.services],
          tags: [...subtoken.tags],
        });
        const serializedSubtoken = toBinary(SubtokenSchema, message);
        expect(Buffer.from(encodeSubtoken(subtoken))).toEqual(Buffer.from(serializedSubtoken));
        const envelope = { signerId, signingKeyId: "k", pkcs1Sha256Sig: Uint8Array.of(7), serializedSubtoken };
        const theirs = toBinary(DelegationTokenSchema, create(DelegationTokenSchema, envelope));
        expect(encodeDelegationToken(envelope)).toBe(Buffer.from(theirs).toString("base64url"));
      }),
    );
  });

  it("never reads what the protocol's own reader reads otherwise", () => {
    const changes = fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(subtokens, changes, (subtoken, flips) => {
        const bytes = Buffer.from(encodeSubtoken(subtoken));
        for (const [at, value] of flips) bytes[at % bytes.length] = value;
        // protobuf-es drops a byte order mark.
        if (bytes.includes("\uFEFF")) return;
        const ours = orRejection(() => decodeSubtoken(bytes));
        if (ours instanceof TokenRejected) return;
        const { $typeName: _name, ...theirs } = fromBinary(SubtokenSchema, bytes);
        expect({ ...theirs, creationTime: Number(theirs.creationTime) }).toEqual(ours);
      }),
      { numRuns: 500 },
    );
  });

  it("throws nothing but TokenRejected, whatever the text or the bytes", () => {
    const noise = fc.oneof(fc.string({ unit: "binary", maxLength: 300 }), fc.base64String({ maxLength: 300 }));
    fc.assert(fc.property(noise, (token) => void orRejection(() => decodeUnverifiedDelegationToken(token))));
    fc.assert(fc.property(fc.uint8Array(), (bytes) => void orRejection(() => decodeSubtoken(bytes))));
  });
});

describe("a delegation token", () => {
  it("may have 8192 bytes and no more", () => {
    const overhead = 3 + 3 + 4;
    const tokenOf = (bytes: number) =>
      encodeDelegationToken({
        signerId: "s",
        signingKeyId: "k",
        pkcs1Sha256Sig: Uint8Array.of(1),
        serializedSubtoken: new Uint8Array(bytes - overhead + 1 - 3),
      });
    const largest = tokenOf(MAX_DELEGATION_TOKEN_BYTES);
    expect([Buffer.from(largest, "base64url").length, largest.length]).toEqual([8192, MAX_DELEGATION_TOKEN_LENGTH]);
    expect(() => decodeUnverifiedDelegationToken(largest)).not.toThrow();
    expect(() => decodeUnverifiedDelegationToken(tokenOf(8193))).toThrow(rejectedWith("TOO_LARGE"));
  });

  it("is refused in the other alphabet, with padding and with anything around it", () => {
    const token = encodeDelegationToken({
      signerId: "user:a@b",
      signingKeyId: "\u{fffff}",
      pkcs1Sha256Sig: Uint8Array.of(0xfb, 0xff),
      serializedSubtoken: Uint8Array.of(1),
    });
    expect(token).toMatch(/[-_]/);
    const others = [
      token.replaceAll("-", "+").replaceAll("_", "/"),
      `${token}=`,
      ` ${token}`,
      `${token}\n`,
      `${token}A`,
    ];
    for (const other of others) {
      expect(() => decodeUnverifiedDelegationToken(other)).toThrow(rejectedWith("MALFORMED"));
    }
    // Nor is what lies in the memory from the token before.
    const memory = Buffer.alloc(MAX_DELEGATION_TOKEN_BYTES);
    for (const other of others) {
      expect(decodeUnverifiedDelegationToken(token, memory).signerId).toBe("user:a@b");
      expect(() => decodeUnverifiedDelegationToken(other, memory)).toThrow(rejectedWith("MALFORMED"));
    }
  });

  it("has numbers of up to 31 bits", () => {
    const subtoken = { ...SUBTOKEN, validityDuration: 2 ** 31 - 1, kind: 2 ** 31 - 1 };
    expect(decodeSubtoken(encodeSubtoken(subtoken))).toEqual(subtoken);
    for (const changed of [{ validityDuration: 2 ** 31 }, { kind: 2 ** 31 }]) {
      const bytes = encodeSubtoken({ ...SUBTOKEN, ...changed });
      expect(() => decodeSubtoken(bytes)).toThrow(rejectedWith("MALFORMED"));
    }
  });

  it.each([
    ["a duration of more than 31 bits", "188080808008"],
    ["a negative duration", "18ffffffffffffffffff01"],
    ["a kind of more than 31 bits", "408080808008"],
    ["a negative time", "10ffffffffffffffffff01"],
    ["an empty audience that is written", "2a00"],
    ["fields in another order", "40010a0161"],
  ])("is refused with %s", (_name, hex) => {
    expect(() => decodeSubtoken(Buffer.from(hex, "hex"))).toThrow(rejectedWith("MALFORMED"));
  });

  it("is refused when its envelope has an unknown, reserved or repeated field", () => {
    for (const hex of ["0a0161", "12016112016a", "1201613201", "12016138017a"]) {
      const token = encodeBase64(Buffer.from(hex, "hex"), "base64url");
      expect(() => decodeUnverifiedDelegationToken(token)).toThrow(rejectedWith("MALFORMED"));
    }
  });
});
