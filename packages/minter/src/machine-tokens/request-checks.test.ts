import { create } from "@bufbuild/protobuf";
import { ErrorCode, MachineTokenRequestSchema, SignatureAlgorithm } from "@tokens/api";
import type { CheckState } from "@tokens/pki";
import { describe, expect, it } from "vitest";
import type { TrustedCa } from "../certificate-authorities/ca-policy.js";
import { noMetrics } from "../metrics.js";
import { checkRequest } from "./request-checks.js";

function check(signatureAlgorithm: SignatureAlgorithm, state: CheckState): string[] {
  const counted: string[] = [];
  const warn = (fields: object) => void counted.push(JSON.stringify(fields));
  const log = { info: warn, warn, error: warn };
  const metrics = {
    ...noMetrics,
    count: (name: string, labels: object = {}) => void counted.push(`${name} ${JSON.stringify(labels)}`),
  };
  const ca = { commonName: "CA", requests: { ec_signature: state } } as Partial<TrustedCa> as TrustedCa;
  checkRequest(create(MachineTokenRequestSchema, { signatureAlgorithm }), ca, { log, metrics });
  return counted;
}

describe("ec_signature", () => {
  const { SHA256_RSA_ALGO: rsa, ED25519_ALGO: ed25519 } = SignatureAlgorithm;

  it("is nothing to RSA", () => {
    for (const state of ["off", "report", "enforce"] as const) expect(check(rsa, state)).toEqual([]);
  });

  it("refuses, reports and takes other keys", () => {
    expect(() => check(ed25519, "off")).toThrow(
      expect.objectContaining({ errorCode: ErrorCode.UNSUPPORTED_SIGNATURE }),
    );
    expect(check(ed25519, "report")).toEqual([
      'tokens_request_reports_total {"ca":"CA","check":"ec_signature"}',
      expect.stringContaining("ED25519_ALGO is not supported"),
    ]);
    expect(check(ed25519, "enforce")).toEqual([]);
  });
});
