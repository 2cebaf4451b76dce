import { randomBytes } from "node:crypto";
import { describe, expect, it } from "vitest";
import { KeyUnusable } from "../key-backend.js";
import { readAesKey, readKeyEncryptionKeys } from "./read-key-encryption-keys.js";

const [a, b] = [randomBytes(32).toString("base64"), randomBytes(32).toString("base64")];
const KMS = "projects/p/locations/l/keyRings/r/cryptoKeys/k";
const ids = (text: string) => readKeyEncryptionKeys(text, {}).map(({ id }) => id);

describe("readKeyEncryptionKeys", () => {
  it("reads one key, with or without the end of its line", () => {
    expect(ids(a)).toEqual(ids(`${a}\n`));
    expect(ids(a)).toEqual(ids(` ${a}\r\n`));
  });

  it("reads several in their order, with comments between", () => {
    const [[idOfA], [idOfB]] = [ids(a), ids(b)];
    expect(ids(`# new\n${b}\n\n# old\n${a}\n`)).toEqual([idOfB, idOfA]);
  });

  it("reads keys in a KMS", () => {
    expect(ids(`gcp-kms://${KMS}`)).toEqual([`gcp-kms:${KMS}`]);
  });

  it.each([
    ["nothing", "", /there are 0/],
    ["only a comment", "# key", /there are 0/],
    ["too many", `${a}\n`.repeat(9), /there are 9/],
    ["a short key", randomBytes(16).toString("base64"), /line 1 .* is none/],
    ["a long key", `${a}\n${randomBytes(33).toString("base64")}`, /line 2 .* is none/],
    ["hex", randomBytes(32).toString("hex"), /line 1 .* is none/],
    ["base64 of another alphabet", Buffer.alloc(32, 0xff).toString("base64url"), /line 1 .* is none/],
    ["padding that is not there", a.slice(0, -1), /line 1 .* is none/],
    ["two keys on a line", `${a} ${b}`, /line 1 .* is none/],
    ["a KMS of somebody else", "aws-kms://arn:aws:kms:us-east-1:1:key/2", /line 1 .* is none/],
    ["a KMS key that is none", "gcp-kms://projects/p", /names no key/],
  ])("refuses %s, and says how to do it", (_, text, reason) => {
    expect(() => readKeyEncryptionKeys(text, {})).toThrow(KeyUnusable);
    expect(() => readKeyEncryptionKeys(text, {})).toThrow(reason);
  });

  it("never repeats a key", () => {
    const spoilt = `${a.slice(0, 40)}!!!!`;
    expect(() => readKeyEncryptionKeys(spoilt, {})).not.toThrow(new RegExp(a.slice(0, 8).replaceAll("+", "\\+")));
  });
});

describe("readAesKey", () => {
  it("takes each key in one writing only", () => {
    expect(Buffer.from(readAesKey(a) ?? "").toString("base64")).toBe(a);
    const zeros = Buffer.alloc(32).toString("base64");
    expect(readAesKey(zeros)).toBeDefined();
    expect(readAesKey(zeros.replace("A=", "B="))).toBeUndefined();
    expect(readAesKey(` ${a}`)).toBeUndefined();
  });
});
