import { beforeAll, describe, expect, it } from "vitest";
import { ISSUED_AT, makeTokenIssuer, type TokenIssuer } from "../test/token-issuer.js";
import { TokenRejected } from "./errors.js";
import { encodeMachineTokenBody } from "./machine-token.js";
import { verifyMachineToken, type VerifyOptions } from "./verify-machine-token.js";

let issuer: TokenIssuer;
let stranger: TokenIssuer;
beforeAll(async () => {
  issuer = await makeTokenIssuer();
  stranger = await makeTokenIssuer();
});

const now = ISSUED_AT + 60;
function verdict(token: string, options: Partial<VerifyOptions> = {}): string {
  try {
    verifyMachineToken(token, issuer.trust, { now, ...options });
    return "accepted";
  } catch (error) {
    if (error instanceof TokenRejected) return error.code;
    throw error;
  }
}

describe("verifyMachineToken", () => {
  it("tells who the machine is", () => {
    expect(verifyMachineToken(issuer.token(), issuer.trust, { now })).toEqual({
      identity: "bot:host-1.example.com",
      machineFqdn: "host-1.example.com",
      issuedBy: "minter@example.com",
      caId: 42n,
      certSn: "1001",
      issuedAt: ISSUED_AT,
      expiresAt: ISSUED_AT + 3600,
    });
  });

  it("refuses the token with one changed character, at every position", () => {
    const token = issuer.token();
    const accepted = Array.from(token, (letter, at) => {
      const other = letter === "A" ? "B" : "A";
      return verdict(token.slice(0, at) + other + token.slice(at + 1));
    });
    expect(accepted.filter((each) => each === "accepted")).toEqual([]);
    expect(accepted).toHaveLength(token.length);
  });

  it("refuses the token with one flipped bit, at every position", () => {
    const bytes = Buffer.from(issuer.token(), "base64");
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const flipped = Buffer.from(bytes);
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      expect(verdict(flipped.toString("base64").replaceAll("=", ""))).not.toBe("accepted");
    }
  });

  it("refuses a token cut at every position, and one with anything behind it", () => {
    const token = issuer.token();
    for (let length = 0; length < token.length; length++) expect(verdict(token.slice(0, length))).not.toBe("accepted");
    for (const more of ["A", "AA", "AAA", "AAAA", token]) expect(verdict(token + more)).not.toBe("accepted");
  });

  const body = () => Buffer.from(encodeMachineTokenBody(issuer.body()));
  /** Bodies that say the same to a lenient reader, each signed well. */
  const encodings: Record<string, () => Buffer> = {
    "a repeated field": () => Buffer.concat([Buffer.from("\x0a\x01x"), body()]),
    "an unknown field": () => Buffer.concat([body(), Buffer.from("a0060a", "hex")]),
    "a reserved field": () => Buffer.concat([body(), Buffer.from("300a", "hex")]),
    "fields in another order": () => Buffer.concat([body().subarray(20), body().subarray(0, 20)]),
    "a zero written out": () =>
      Buffer.concat([encodeMachineTokenBody(issuer.body({ caId: 0n, certSn: "" })), Buffer.of(0x28, 0)]),
    "a number with padding": () => {
      const padded = body();
      const at = padded.indexOf(Buffer.from("282a3a02", "hex"));
      return Buffer.concat([padded.subarray(0, at), Buffer.from("28aa003a02", "hex"), padded.subarray(at + 4)]);
    },
    "the end of a group": () => Buffer.concat([body(), Buffer.of(0x0c)]),
  };
  it.each(Object.entries(encodings))("refuses a signed body with %s", (_name, bytes) => {
    expect(verdict(issuer.tokenOf(bytes()))).toBe("MALFORMED");
  });

  it.each<[string, string, () => string, Partial<VerifyOptions>?]>([
    ["a stranger's token", "UNKNOWN_KEY", () => stranger.token()],
    ["another issuer", "UNKNOWN_ISSUER", () => issuer.token({ issuedBy: "other@example.com" })],
    ["the issuer in other letters", "UNKNOWN_ISSUER", () => issuer.token({ issuedBy: "MINTER@example.com" })],
    ["a property of every object", "UNKNOWN_ISSUER", () => issuer.token({ issuedBy: "constructor" })],
    ["no lifetime", "MALFORMED", () => issuer.token({ lifetime: 0 })],
    ["a lifetime above a day", "MALFORMED", () => issuer.token({ lifetime: 86_401 })],
    ["a lifetime above the service's limit", "MALFORMED", () => issuer.token(), { maxLifetimeSeconds: 3599 }],
    ["a clock that is no number", "NOT_YET_VALID", () => issuer.token(), { now: Number.NaN }],
    ["a name with a slash", "BAD_IDENTITY", () => issuer.token({ machineFqdn: "host/1" })],
    ["a name with a line feed", "BAD_IDENTITY", () => issuer.token({ machineFqdn: "host-1\n" })],
    ["a name outside ASCII", "BAD_IDENTITY", () => issuer.token({ machineFqdn: "hóst" })],
    ["no name", "BAD_IDENTITY", () => issuer.token({ machineFqdn: "" })],
    ["an audience when the service has no name", "WRONG_AUDIENCE", () => issuer.token({ audience: ["billing"] })],
    ["another audience", "WRONG_AUDIENCE", () => issuer.token({ audience: ["billing"] }), { audience: "search" }],
  ])("refuses %s", (_name, code, token, options) => {
    expect(verdict(token(), options)).toBe(code);
  });

  it("accepts a token for this service and one for any", () => {
    expect(verdict(issuer.token({ audience: ["search", "billing"] }), { audience: "billing" })).toBe("accepted");
    expect(verdict(issuer.token(), { audience: "billing" })).toBe("accepted");
  });

  it("accepts a token that lives for just as long as is allowed", () => {
    expect(verdict(issuer.token({ lifetime: 86_400 }))).toBe("accepted");
    expect(verdict(issuer.token(), { maxLifetimeSeconds: 3600 })).toBe("accepted");
  });

  it.each([
    [-10.000_001, "NOT_YET_VALID"],
    [-10, "accepted"],
    [3610, "accepted"],
    [3610.000_001, "EXPIRED"],
  ])("allows ten seconds of drift, ends included: %d s after the mint", (after, expected) => {
    expect(verdict(issuer.token(), { now: ISSUED_AT + after })).toBe(expected);
  });

  it("never puts the token into its message", () => {
    const token = stranger.token();
    expect(() => verifyMachineToken(token, issuer.trust, { now })).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining(token.slice(0, 12)) as unknown }) as Error,
    );
  });
});
