import { describe, expect, it } from "vitest";
import { MachineKeyError } from "./errors.js";
import { readPemBlock } from "./pem-block.js";

const block = "-----BEGIN THING-----\nAQID\n-----END THING-----\n";

describe("readPemBlock", () => {
  it.each([
    ["alone", block],
    ["behind a note", `note\n${block}`],
    ["with CR LF", block.replaceAll("\n", "\r\n")],
    ["without its last line's end", block.trimEnd()],
  ])("reads a block %s", (_, text) => {
    expect(readPemBlock(text, "thing")).toEqual({ label: "THING", der: Buffer.of(1, 2, 3) });
  });

  it.each<[string, string, RegExp]>([
    ["an empty text", "", /not a valid thing PEM/],
    ["two blocks", block + block, /something follows/],
    ["a blank line behind the block", `${block}\n`, /something follows/],
    ["ends that differ", block.replace("END THING", "END OTHER"), /not a valid thing PEM/],
    [
      "a key that is encrypted in the old way",
      `-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAQID\n-----END RSA PRIVATE KEY-----\n`,
      /openssl pkcs8 -topk8/,
    ],
  ])("refuses %s", (_, text, message) => {
    expect(() => readPemBlock(text, "thing")).toThrow(MachineKeyError);
    expect(() => readPemBlock(text, "thing")).toThrow(message);
  });
});
