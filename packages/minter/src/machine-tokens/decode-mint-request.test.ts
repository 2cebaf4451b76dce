import { create, type DescMessage, equals, fromBinary, type MessageShape, toBinary } from "@bufbuild/protobuf";
import {
  MachineTokenRequestSchema,
  MachineTokenType,
  MintMachineTokenRequestSchema,
  SignatureAlgorithm,
} from "@tokens/api";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { checkStrictFields } from "../rpc/strict-fields.js";
import { decodeMintRequest, decodeTokenRequest } from "./decode-mint-request.js";

const bytes = fc.uint8Array({ maxLength: 200 });
const text = fc.oneof(fc.constant(""), fc.string({ unit: "grapheme" }));
const number = fc.oneof(fc.integer({ min: 0, max: 5 }), fc.integer());
const seconds = fc.oneof(fc.constant(0n), fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }));

const calls = fc
  .record({ serializedTokenRequest: bytes, signature: bytes })
  .map((init) => toBinary(MintMachineTokenRequestSchema, create(MintMachineTokenRequestSchema, init)));
const requests = fc
  .record({
    certificate: bytes,
    signatureAlgorithm: number,
    issuedAt: fc.option(fc.record({ seconds, nanos: number }), { nil: undefined }),
    tokenType: number,
    audience: fc.array(text, { maxLength: 3 }),
    nonce: bytes,
    serverName: text,
  })
  .map(({ issuedAt, ...init }) =>
    toBinary(MachineTokenRequestSchema, create(MachineTokenRequestSchema, { ...init, ...(issuedAt && { issuedAt }) })),
  );

/** The same bytes, with some of them changed, left out, or there twice. */
const edited = (written: fc.Arbitrary<Uint8Array>) =>
  fc
    .tuple(written, fc.array(fc.tuple(fc.nat(), fc.constantFrom("set", "cut", "copy"), fc.nat(255))))
    .map(([before, edits]) => {
      let after = [...before];
      for (const [where, edit, byte] of edits) {
        const at = where % (after.length + 1);
        if (edit === "set") after[at] = byte;
        else if (edit === "cut") after.splice(at, byte % 8);
        else after = [...after, ...after.slice(at)];
      }
      return Uint8Array.from(after);
    });

/** Whether the bytes were read; if they were, it must be what protobuf-es reads, and be written as they are. */
function isReadAlike<Desc extends DescMessage>(
  schema: Desc,
  decode: (bytes: Uint8Array) => MessageShape<Desc> | undefined,
  written: Uint8Array,
): boolean {
  const read = decode(written);
  if (read === undefined) return false;
  checkStrictFields(schema, written);
  expect(equals(schema, read, fromBinary(schema, written))).toBe(true);
  expect(Buffer.from(toBinary(schema, read)).toString("hex")).toBe(Buffer.from(written).toString("hex"));
  return true;
}

const NUM_RUNS = { numRuns: 3000 };

describe("what is read without protobuf-es is what it reads, and strict", () => {
  it("in the request of MintMachineToken", () => {
    const check = (each: Uint8Array) => void isReadAlike(MintMachineTokenRequestSchema, decodeMintRequest, each);
    fc.assert(fc.property(fc.oneof(calls, edited(calls), bytes), check), NUM_RUNS);
  });

  it("in what the machine signs", () => {
    const check = (each: Uint8Array) => void isReadAlike(MachineTokenRequestSchema, decodeTokenRequest, each);
    fc.assert(fc.property(fc.oneof(requests, edited(requests), bytes), check), NUM_RUNS);
  });
});

it("reads what clients write", () => {
  const call = create(MintMachineTokenRequestSchema, {
    serializedTokenRequest: Uint8Array.of(1, 2),
    signature: Uint8Array.of(3),
  });
  const encodedCall = toBinary(MintMachineTokenRequestSchema, call);
  expect(isReadAlike(MintMachineTokenRequestSchema, decodeMintRequest, encodedCall)).toBe(true);
  for (const audience of [[], ["service:files", "service:\u00fc"]]) {
    const request = create(MachineTokenRequestSchema, {
      certificate: Uint8Array.of(0x30, 0),
      signatureAlgorithm: SignatureAlgorithm.ED25519_ALGO,
      issuedAt: { seconds: 1_800_000_000n, nanos: 999_999_999 },
      tokenType: MachineTokenType.LUCI_MACHINE_TOKEN,
      audience,
      nonce: new Uint8Array(16).fill(7),
      serverName: "https://tokens.example.com",
    });
    const encoded = toBinary(MachineTokenRequestSchema, request);
    expect(isReadAlike(MachineTokenRequestSchema, decodeTokenRequest, encoded)).toBe(true);
  }
});

it.each([
  ["signature_algorithm", "10"],
  ["token_type", "20"],
])("reads no %s that does not fit 32 bits", (_, tag) => {
  const read = (varint: string) =>
    isReadAlike(MachineTokenRequestSchema, decodeTokenRequest, Buffer.from(`${tag}${varint}`, "hex"));
  expect([read("ffffffff07"), read("8080808008"), read("ffffffff0f")]).toEqual([true, false, false]);
});
