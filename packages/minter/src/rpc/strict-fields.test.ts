import { create, toBinary } from "@bufbuild/protobuf";
import { MachineTokenRequestSchema, MintDelegationTokenRequestSchema } from "@tokens/api";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { checkStrictFields } from "./strict-fields.js";

const check = (hex: string) => () => checkStrictFields(MachineTokenRequestSchema, Buffer.from(hex, "hex"));

describe("checkStrictFields", () => {
  it("takes what the protobuf library writes", () => {
    const request = create(MachineTokenRequestSchema, {
      certificate: Uint8Array.of(1, 2),
      signatureAlgorithm: 1,
      issuedAt: { seconds: -5n, nanos: 7 },
      tokenType: 2,
      audience: ["a", "b"],
      nonce: Uint8Array.of(3),
      serverName: "c",
    });
    expect(() =>
      checkStrictFields(MachineTokenRequestSchema, toBinary(MachineTokenRequestSchema, request)),
    ).not.toThrow();
  });

  it("takes fields in any order, unknown fields and zeros that are written out", () => {
    expect(check("20021001")).not.toThrow();
    expect(check("2802c23e0161")).not.toThrow();
    expect(check("1000")).not.toThrow();
  });

  it("takes a repeated field more than once", () => {
    const bytes = Buffer.from("1a01611a0162", "hex");
    expect(() => checkStrictFields(MintDelegationTokenRequestSchema, bytes)).not.toThrow();
  });

  it.each([
    ["a certificate that is there twice", "0a01010a0102", /certificate is repeated/],
    ["a type that is there twice", "20022000", /token_type is repeated/],
    ["a time in two parts", "1a0208051a021007", /issued_at is repeated/],
    ["seconds that are there twice", "1a0408050806", /seconds is repeated/],
    ["a certificate with the wrong wire type", "0803", /certificate has the wrong wire type/],
    ["a type with the wrong wire type", "220102", /token_type has the wrong wire type/],
    ["a type of more than 32 bits", "208280808010", /token_type is out of range/],
    ["nanoseconds of more than 32 bits", "1a06108080808010", /nanos is out of range/],
  ])("refuses %s", (_, hex, message) => {
    expect(check(hex)).toThrow(message);
  });

  it("takes a negative enum value, which is ten bytes long", () => {
    expect(check("10ffffffffffffffffff01")).not.toThrow();
  });

  it("refuses what is cut short", () => {
    expect(check("0a05")).toThrow();
    expect(check("1a")).toThrow();
  });

  it("ends for all bytes: it returns or throws", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        try {
          checkStrictFields(MachineTokenRequestSchema, bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(Error);
        }
      }),
      { numRuns: 2000 },
    );
  });
});
