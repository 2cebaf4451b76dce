import { describe, expect, it } from "vitest";
import { decodeState, encodeState } from "./tokend-state.js";

describe("the agent's notes", () => {
  it("are read as they are written", () => {
    expect(decodeState(encodeState({ inputsDigest: "abc" }))).toEqual({ inputsDigest: "abc" });
    expect(Buffer.from(encodeState({ inputsDigest: "abc" }), "base64").toString()).toBe(
      '{"InputsDigest":"abc","Version":"1.3"}',
    );
  });

  it("keep the stamp of the inputs behind what LUCI's agent notes", () => {
    const text = encodeState({ inputsDigest: "abc", inputsStamp: "b 1:2" });
    expect(Buffer.from(text, "base64").toString()).toBe('{"InputsDigest":"abc","Version":"1.3","InputsStamp":"b 1:2"}');
    expect(decodeState(text)).toEqual({ inputsDigest: "abc", inputsStamp: "b 1:2" });
    const odd = Buffer.from('{"InputsDigest":"abc","InputsStamp":1}').toString("base64");
    expect(decodeState(odd)).toEqual({ inputsDigest: "abc" });
  });

  it.each([
    undefined,
    "",
    "!!!",
    Buffer.from("[]").toString("base64"),
    Buffer.from('{"InputsDigest":1}').toString("base64"),
    Buffer.from("null").toString("base64"),
  ])("count as missing when they cannot be read: %s", (text) => {
    expect(decodeState(text)).toBeUndefined();
  });
});
