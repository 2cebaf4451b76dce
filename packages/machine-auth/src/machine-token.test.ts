import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { MachineTokenBodySchema, MachineTokenEnvelopeSchema } from "@tokens/api";
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { makeTokenIssuer, type TokenIssuer } from "../test/token-issuer.js";
import { TokenRejected } from "./errors.js";
import {
  decodeUnverifiedMachineToken,
  encodeMachineToken,
  encodeMachineTokenBody,
  type MachineTokenBody,
  tokenFingerprint,
} from "./machine-token.js";

let issuer: TokenIssuer;
beforeAll(async () => void (issuer = await makeTokenIssuer()));

const rejectedWith = (code: string) => expect.objectContaining({ name: "TokenRejected", code }) as unknown;
const text = fc.string({ unit: "grapheme", minLength: 1, maxLength: 40 });
const bodies: fc.Arbitrary<MachineTokenBody> = fc.record({
  machineFqdn: fc.option(text, { nil: "" }),
  issuedBy: fc.option(text, { nil: "" }),
  issuedAt: fc.maxSafeNat(),
  lifetime: fc.maxSafeNat(),
  caId: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  certSn: fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes).toString("hex")),
  audience: fc.array(text, { maxLength: 4 }),
});

describe("the encoding of a token", () => {
  it("is undone by decoding", () => {
    fc.assert(
      fc.property(bodies, text, fc.uint8Array({ maxLength: 300 }), (body, keyId, rsaSha256) => {
        const token = encodeMachineToken({ tokenBody: encodeMachineTokenBody(body), keyId, rsaSha256 });
        const decoded = decodeUnverifiedMachineToken(token);
        expect(decoded.keyId).toBe(keyId);
        expect(Buffer.from(decoded.rsaSha256)).toEqual(Buffer.from(rsaSha256));
        expect(decoded.body).toEqual(body);
      }),
    );
  });

  it("is that of the protocol's own code generator", () => {
    fc.assert(
      fc.property(bodies, ({ issuedAt, lifetime, ...rest }) => {
        const message = { ...rest, certSn: Buffer.from(rest.certSn, "hex"), audience: [...rest.audience] };
        const theirs = toBinary(
          MachineTokenBodySchema,
          create(MachineTokenBodySchema, { ...message, issuedAt: BigInt(issuedAt), lifetime: BigInt(lifetime) }),
        );
        expect(Buffer.from(encodeMachineTokenBody({ issuedAt, lifetime, ...rest }))).toEqual(Buffer.from(theirs));
      }),
    );
  });

  it("never reads what the protocol's own reader reads otherwise", () => {
    const flipped = fc.tuple(fc.nat(), fc.nat({ max: 255 }));
    const original = Buffer.from(issuer.token(), "base64");
    fc.assert(
      fc.property(fc.array(flipped, { minLength: 1, maxLength: 4 }), (changes) => {
        const bytes = Buffer.from(original);
        for (const [at, value] of changes) bytes[at % bytes.length] = value;
        const read = readOrRejection(bytes.toString("base64").replaceAll("=", ""));
        if (read instanceof TokenRejected) return;
        const envelope = fromBinary(MachineTokenEnvelopeSchema, bytes);
        const body = fromBinary(MachineTokenBodySchema, envelope.tokenBody);
        expect(envelope.keyId).toBe(read.keyId);
        expect(body.machineFqdn).toBe(read.body.machineFqdn);
        expect(body.issuedBy).toBe(read.body.issuedBy);
        expect(body.issuedAt).toBe(BigInt(read.body.issuedAt));
        expect(body.caId).toBe(read.body.caId);
      }),
    );
  });

  function readOrRejection(token: string) {
    try {
      return decodeUnverifiedMachineToken(token);
    } catch (error) {
      if (error instanceof TokenRejected) return error;
      throw error;
    }
  }

  it("throws nothing but TokenRejected, whatever the text", () => {
    const noise = fc.oneof(fc.string({ unit: "binary", maxLength: 300 }), fc.base64String({ maxLength: 300 }));
    fc.assert(fc.property(noise, (token) => void readOrRejection(token)));
  });
});

describe("a token in another text", () => {
  const others: Record<string, (token: string) => string> = {
    "a blank in front": (token) => ` ${token}`,
    "a line feed behind": (token) => `${token}\n`,
    "a carriage return inside": (token) => `${token.slice(0, 9)}\r${token.slice(9)}`,
    "a tab behind": (token) => `${token}\t`,
    padding: (token) => `${token}${"=".repeat(4 - (token.length % 4 || 4)) || "="}`,
    "a byte order mark": (token) => `\uFEFF${token}`,
    "a letter that is cut to another": (token) => token.replace("C", "\u0143"),
    "a NUL behind": (token) => `${token}\0`,
  };
  it.each(Object.entries(others))("is refused: %s", (_name, change) => {
    const token = issuer.token();
    expect(change(token)).not.toBe(token);
    expect(() => decodeUnverifiedMachineToken(change(token))).toThrow(rejectedWith("MALFORMED"));
  });

  it("is refused: URL-safe letters", () => {
    const token = Array.from({ length: 50 }, (_, i) => issuer.token({ lifetime: 3600 - i })).find((each) =>
      /[+/]/.test(each),
    );
    const urlSafe = (token ?? "").replaceAll("+", "-").replaceAll("/", "_");
    expect(() => decodeUnverifiedMachineToken(urlSafe)).toThrow(rejectedWith("MALFORMED"));
  });

  it("is refused: too long", () => {
    expect(() => decodeUnverifiedMachineToken("A".repeat(8193))).toThrow(rejectedWith("TOO_LARGE"));
    expect(() => decodeUnverifiedMachineToken("A".repeat(8192))).toThrow(rejectedWith("MALFORMED"));
  });
});

it("has a fingerprint of 16 bytes of the SHA-256 of its text", () => {
  expect(tokenFingerprint("abc")).toBe("ba7816bf8f01cfea414140de5dae2223");
});
