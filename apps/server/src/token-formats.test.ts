import { describe, expect, it } from "vitest";
import { formatFailure, formatToken } from "./token-formats.js";

const id = { kind: "id", token: "h.p.s", expiryMs: 1_620_433_341_000 } as const;

describe("formatToken", () => {
  it("prints a bare token", () => expect(formatToken(id, "token")).toBe("h.p.s"));

  it("prints what Google's libraries want of an executable", () => {
    expect(formatToken(id, "credential-process")).toBe(
      '{"version":1,"success":true,"token_type":"urn:ietf:params:oauth:token-type:id_token","id_token":"h.p.s","expiration_time":1620433341}',
    );
    expect(formatToken({ ...id, kind: "access" }, "credential-process")).toContain(
      '"token_type":"urn:ietf:params:oauth:token-type:access_token","access_token":"h.p.s"',
    );
  });

  it("prints what kubectl wants of a credential plugin", () => {
    expect(JSON.parse(formatToken(id, "exec-credential"))).toEqual({
      apiVersion: "client.authentication.k8s.io/v1",
      kind: "ExecCredential",
      status: { token: "h.p.s", expirationTimestamp: "2021-05-08T00:22:21.000Z" },
    });
  });
});

describe("formatFailure", () => {
  const denied = { code: "PermissionDenied", message: "access denied" };

  it("says no in the words of an executable, and nothing where nobody listens", () => {
    expect(formatFailure(denied, "credential-process")).toBe(
      '{"version":1,"success":false,"code":"PermissionDenied","message":"access denied"}',
    );
    expect(formatFailure(denied, "token")).toBeUndefined();
    expect(formatFailure(denied, "exec-credential")).toBeUndefined();
  });
});
