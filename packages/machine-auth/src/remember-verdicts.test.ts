import { generateKeyPairSync } from "node:crypto";
import { describe, expect, it } from "vitest";
import { rememberVerdicts, type Verdict } from "./remember-verdicts.js";
import { Revocations } from "./revocations.js";
import type { Trust } from "./trust.js";

const { publicKey: key } = generateKeyPairSync("ed25519");
const trustOf = (): Trust => ({ issuers: new Map([["a@b", new Map([["k", key]])]]), revocations: new Revocations([]) });

/** A judge that takes every token from 100 to 200, and notes how often it is asked. */
function judging(revokedUntil = () => Number.NEGATIVE_INFINITY) {
  const asked: string[] = [];
  const judge = (token: string): Verdict<string> => {
    asked.push(token);
    return { value: `value of ${token}`, issuer: "a@b", keyId: "k", key, from: 100, to: 200 };
  };
  return { asked, verify: rememberVerdicts({ judge, revokedUntil }, {}) };
}

describe("rememberVerdicts", () => {
  it("asks once for what it remembers, within its time and both ends of it", () => {
    const { asked, verify } = judging();
    const trust = trustOf();
    for (const now of [100, 150.5, 200, 150]) expect(verify("t", trust, now)).toBe("value of t");
    expect(asked).toEqual(["t"]);
  });

  it("asks again outside of its time", () => {
    const { asked, verify } = judging();
    const trust = trustOf();
    for (const now of [150, 99.9, 200.1, Number.NaN]) verify("t", trust, now);
    expect(asked).toHaveLength(4);
  });

  it("goes on with another trust that has the same key, and asks when it has not", () => {
    const { asked, verify } = judging();
    verify("t", trustOf(), 150);
    verify("t", trustOf(), 150);
    expect(asked).toHaveLength(1);
    for (const keys of [new Map(), new Map([["k", generateKeyPairSync("ed25519").publicKey]])]) {
      verify("t", { ...trustOf(), issuers: new Map([["a@b", keys]]) }, 150);
    }
    verify("t", { ...trustOf(), issuers: new Map() }, 150);
    expect(asked).toHaveLength(4);
  });

  it("does not ask when a trust that it has not seen revoked the token until its time began", () => {
    const { asked, verify } = judging(() => 100);
    verify("t", trustOf(), 150);
    verify("t", trustOf(), 150);
    expect(asked).toHaveLength(1);
  });

  it("asks when a trust that it has not seen revokes the token, or did until lately", () => {
    const { asked, verify } = judging(() => 120);
    verify("t", trustOf(), 150);
    verify("t", trustOf(), 150);
    expect(asked).toHaveLength(2);
  });
});
