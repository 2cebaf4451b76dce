import { create } from "@bufbuild/protobuf";
import { toText } from "@bufbuild/protobuf/txtpb";
import { MintMachineTokenResponseSchema, MintDelegationTokenRequestSchema } from "@tokens/api";
import { GetCAStatusResponseSchema } from "@tokens/api/admin";
import { describe, expect, it } from "vitest";
import { fromLenientText } from "./lenient-text.js";

const read = (text: string) => fromLenientText(MintDelegationTokenRequestSchema, text);

describe("fromLenientText", () => {
  it("reads messages that import others", () => {
    const status = create(GetCAStatusResponseSchema, {
      config: { cn: "CA", knownDomains: [{ domain: ["a.example.com"], machineTokenLifetime: 5n }] },
      crlStatus: { lastFetchTime: { seconds: 7n }, revokedCertsCount: 2n },
    });
    expect(fromLenientText(GetCAStatusResponseSchema, toText(GetCAStatusResponseSchema, status))).toEqual(status);
  });

  it.each([
    'intent: "x" later: 5',
    'later { deep { deeper: [1, 2] } } intent: "x"',
    'later: "a" "b", other: ENUM; intent: "x"',
    'later: -5.5 later: < a: 1 > intent: "x"',
  ])("skips the fields that it does not know in %s", (text) => {
    expect(read(text)).toEqual(create(MintDelegationTokenRequestSchema, { intent: "x" }));
  });

  it("skips them inside of messages too", () => {
    const text = 'token_response { service_version: "v" later: 1 luci_machine_token { later {} machine_token: "t" } }';
    expect(fromLenientText(MintMachineTokenResponseSchema, text).tokenResponse).toMatchObject({
      serviceVersion: "v",
      tokenType: { case: "luciMachineToken", value: { machineToken: "t" } },
    });
  });

  it.each(["}", "later", "later:", "later {", 'intent: "a" intent: "b"', "intent: 5", "5: 1", `${"a{".repeat(200)}`])(
    "refuses %s",
    (text) => {
      expect(() => read(text)).toThrow(Error);
    },
  );

  it("is done with many unknown fields at once", () => {
    const many = Array.from({ length: 20_000 }, (_, i) => `f${i}: 1`).join("\n");
    expect(read(`${many} intent: "x"`).intent).toBe("x");
  });
});
