import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { inputsDigest } from "./inputs-digest.js";

const inputs = { backend: "b", audience: [] as string[], certificate: Buffer.from("cert"), key: Buffer.from("key") };

describe("inputsDigest", () => {
  it("is the same for the same inputs, and 64 hex digits", () => {
    expect(inputsDigest(inputs)).toBe(inputsDigest({ ...inputs }));
    expect(inputsDigest(inputs)).toMatch(/^[0-9a-f]{64}$/);
  });

  it("changes with every input", () => {
    const others = [
      { backend: "c" },
      { certificate: Buffer.from("Cert") },
      { key: Buffer.from("Key") },
      { audience: ["service:a"] },
      { audience: ["service:a", "service:b"] },
      { audience: ["service:aservice:b"] },
      { backend: "bcert", certificate: Buffer.from("") },
    ];
    const digests = [inputs, ...others.map((other) => ({ ...inputs, ...other }))].map(inputsDigest);
    expect(new Set(digests).size).toBe(digests.length);
  });

  it("cannot be made from public inputs and a guess of the key's plain hash alone", () => {
    const plain = createHash("sha256").update("b").update("cert").update("key").digest("hex");
    expect(inputsDigest(inputs)).not.toBe(plain);
  });
});
