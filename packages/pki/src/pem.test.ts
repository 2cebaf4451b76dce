import { describe, expect, it } from "vitest";
import { MalformedInput } from "./errors.js";
import { decodeBase64, readPemBlocks } from "./pem.js";

const block = (label: string, body = "AQID\n") => `-----BEGIN ${label}-----\n${body}-----END ${label}-----\n`;
const labels = (text: string) => readPemBlocks(text).map(({ label }) => label);

describe("readPemBlocks", () => {
  it("reads every block, whatever stands around it", () => {
    const text = `first\n${block("A")}between\r\n${block("B C").replaceAll("\n", "\r\n")}after`;
    expect(readPemBlocks(text)).toEqual([
      { label: "A", bytes: Buffer.of(1, 2, 3) },
      { label: "B C", bytes: Buffer.of(1, 2, 3) },
    ]);
    expect(labels("no block here")).toEqual([]);
    expect(labels("")).toEqual([]);
  });

  it.each([
    ["a block without an end", block("A").slice(0, -10)],
    ["a block with another's end", block("A").replace("END A", "END B")],
    ["base64 with a stranger in it", block("A", "AQ!D\n")],
    ["the alphabet of URLs", block("A", "-_8=\n")],
    ["bits left over", block("A", "AQJ=\n")],
    ["padding that is missing", block("A", "AQ\n")],
    ["headers of old PEM", block("A", "Proc-Type: 4,ENCRYPTED\n\nAQID\n")],
  ])("refuses %s", (_, text) => {
    expect(() => readPemBlocks(text)).toThrow(MalformedInput);
  });

  it("decodes lines of any length", () => {
    const bytes = Buffer.from(Array.from({ length: 500 }, (_, index) => index % 256));
    const lines = bytes.toString("base64").replace(/.{64}/g, "$&\n");
    expect(decodeBase64(lines)).toEqual(bytes);
  });
});
