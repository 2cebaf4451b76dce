import { createRegistry, type DescMessage, fromBinary, toBinary } from "@bufbuild/protobuf";
import { TokenFileSchema, TokenMinter } from "@tokens/api";
import { Admin } from "@tokens/api/admin";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { describeWithVectors, readJsonVector } from "shared-vectors";
import { decodeMessage, encodeMessage } from "./prpc-codec.js";
import type { PrpcFormat } from "./prpc-format.js";

const registry = createRegistry(TokenMinter.file, Admin.file, TokenFileSchema.file);
const schemaOf = (name: string): DescMessage => registry.getMessage(name) ?? expect.fail(`no message ${name}`);
const hexOf = (schema: DescMessage, format: PrpcFormat, bytes: Uint8Array) =>
  Buffer.from(toBinary(schema, decodeMessage(schema, format, bytes))).toString("hex");

describe("a message", () => {
  const { input } = TokenMinter.method.mintDelegationToken;
  const message = fromBinary(input, Buffer.from("0a12757365723a61406578616d706c652e636f6d103c1a012a", "hex"));

  it("is written as the body of an answer in each format", () => {
    const textOf = (format: PrpcFormat) => encodeMessage(input, format, message).toString("utf8");
    expect(textOf("json")).toBe(
      ')]}\'\n{"delegatedIdentity":"user:a@example.com","validityDuration":"60","audience":["*"]}\n',
    );
    expect(textOf("text")).toBe('delegated_identity: "user:a@example.com"\nvalidity_duration: 60\naudience: "*"\n');
    expect(encodeMessage(input, "binary", message)).toEqual(Buffer.from(toBinary(input, message)));
  });

  it("is read in each format, and fields that are not known are skipped", () => {
    const good = Buffer.from(toBinary(input, message)).toString("hex");
    const json = '{"audience":["*"],"later":{"a":[1]},"delegated_identity":"user:a@example.com","validityDuration":60}';
    expect(hexOf(input, "json", Buffer.from(json))).toBe(good);
    const text = 'audience: "*" later { a: 1 } delegated_identity: "user:a@example.com" validity_duration: 60';
    expect(hexOf(input, "text", Buffer.from(text))).toBe(good);
    const binary = Buffer.concat([Buffer.from("c23e0161", "hex"), Buffer.from(good, "hex")]);
    expect(decodeMessage(input, "binary", binary)).toMatchObject({ audience: ["*"], validityDuration: 60n });
  });

  it("is read, or refused with an Error, whatever the bytes", () => {
    const anything = fc.oneof(
      fc.uint8Array({ maxLength: 100 }),
      fc.json().map((text) => Buffer.from(text)),
    );
    fc.assert(
      fc.property(fc.constantFrom<PrpcFormat>("binary", "json", "text"), anything, (format, bytes) => {
        try {
          decodeMessage(input, format, bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(Error);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it.each<[PrpcFormat, string]>([
    ["json", "[".repeat(256 * 1024)],
    ["json", '{"a":'.repeat(50_000)],
    ["text", "a{".repeat(128 * 1024)],
    ["text", "a:[".repeat(80_000)],
  ])("is refused at once when it is deep (%s)", (format, text) => {
    expect(() => decodeMessage(input, format, Buffer.from(text))).toThrow(Error);
  });
});

interface ParseCase {
  name: string;
  message: string;
  encoding: PrpcFormat;
  input: string;
  input_hex?: string;
  luci: "accepted" | "rejected";
  binary_hex?: string;
}

const refused = "refused";

/** Where the protobuf library reads JSON otherwise than Go's. No good message changes its meaning. */
const differences: Record<string, string> = {
  "json-int64-string-exponent": refused,
  "json-int64-blank": "103c",
  "json-bytes-mixed": "1202fbff",
};

describeWithVectors("a body is read or refused as LUCI's server does", () => {
  const { cases } = readJsonVector<{ cases: ParseCase[] }>("messages/parse.json");

  it.each(cases)("$name", ({ name, message, encoding, input, input_hex, luci, binary_hex }) => {
    const hex = input_hex ?? (encoding === "binary" ? input : Buffer.from(input).toString("hex"));
    let verdict = refused;
    try {
      verdict = hexOf(schemaOf(message), encoding, Buffer.from(hex, "hex"));
    } catch (error) {
      expect(error).toBeInstanceOf(Error);
    }
    expect(verdict).toBe(differences[name] ?? (luci === "rejected" ? refused : (binary_hex ?? "")));
  });
});
