import { describe, expect, it } from "vitest";
import { PermissionDenied, TokenRejected, type TokenRejectedCode, TrustUnavailable } from "./errors.js";
import { refusedAnswer } from "./refused-answer.js";

const now = Date.parse("2026-06-01T12:00:00Z");
const rejected = (code: TokenRejectedCode) =>
  refusedAnswer({ status: "invalid", error: new TokenRejected(code, "a detail for the log") }, now);

describe("refusedAnswer", () => {
  it("asks for a token when there is none", () => {
    expect(refusedAnswer({ status: "absent" }, now)).toMatchObject({
      status: 401,
      headers: { "www-authenticate": 'MachineToken realm="machines"' },
    });
  });

  it.each<TokenRejectedCode>(["MALFORMED", "REVOKED", "UNKNOWN_KEY", "DUPLICATE_HEADER", "WRONG_AUDIENCE"])(
    "names the code %s, and no more",
    (code) => {
      const answer = rejected(code);
      expect(answer.status).toBe(401);
      expect(answer.headers).toEqual({ "www-authenticate": `MachineToken realm="machines", error="${code}"` });
      expect(JSON.stringify(answer)).not.toContain("detail");
    },
  );

  it.each<TokenRejectedCode>(["NOT_YET_VALID", "EXPIRED"])(
    "says what time it is when a clock may be wrong: %s",
    (code) => {
      expect(rejected(code).headers["www-authenticate"]).toBe(
        `MachineToken realm="machines", error="${code}", time="2026-06-01T12:00:00.000Z"`,
      );
    },
  );

  it("does not ask for another token when a good one does not suffice", () => {
    const error = new PermissionDenied("a detail for the log");
    expect(refusedAnswer({ status: "invalid", error }, now)).toEqual({
      status: 403,
      headers: {},
      text: "permission denied",
    });
  });

  it("says when to try again when nobody can tell", () => {
    const error = new TrustUnavailable("STALE", "a detail for the log");
    const answer = refusedAnswer({ status: "unavailable", error }, now);
    expect(answer).toEqual({ status: 503, headers: { "retry-after": "5" }, text: "tokens cannot be checked now" });
  });
});
