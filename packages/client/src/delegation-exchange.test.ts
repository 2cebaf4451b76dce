import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { MintDelegationTokenResponseSchema, Subtoken_Kind } from "@tokens/api";
import { describe, expect, it } from "vitest";
import { checkDelegation, readDelegationResponse } from "./delegation-exchange.js";

const request = { identity: "user:a@example.com", audience: ["user:b@example.com", "REQUESTOR"], services: ["*"] };

describe("checkDelegation", () => {
  it("asks for three hours of which ten minutes must be left", () => {
    expect(checkDelegation({ ...request, tags: ["b:2", "a:1"], intent: "why" })).toMatchObject({
      message: {
        delegatedIdentity: "user:a@example.com",
        audience: ["REQUESTOR", "user:b@example.com"],
        services: ["*"],
        tags: ["a:1", "b:2"],
        intent: "why",
        validityDuration: 10_800n,
      },
      validitySeconds: 10_800,
      minTtlSeconds: 600,
    });
  });

  it("has one key for one meaning", () => {
    const { key } = checkDelegation({ ...request, tags: ["b:2", "a:1"] });
    const audience = request.audience.toReversed();
    expect(checkDelegation({ ...request, audience, tags: ["a:1", "b:2"], minTtlSeconds: 60 }).key).toBe(key);
  });

  it("has another key for another request", () => {
    const others = [
      request,
      { ...request, identity: "user:c@example.com" },
      { ...request, audience: ["REQUESTOR"] },
      { ...request, services: ["service:s"] },
      { ...request, tags: ["a:1"] },
      { ...request, intent: "a:1" },
      { ...request, validitySeconds: 60 },
    ];
    expect(new Set(others.map((other) => checkDelegation(other).key)).size).toBe(others.length);
  });

  it("wants no more than half of a short life to be left", () => {
    expect(checkDelegation({ ...request, validitySeconds: 60 }).minTtlSeconds).toBe(30);
  });

  it.each([
    ["identity", { identity: "" }],
    ["audience", { audience: [] }],
    ["services", { services: [] }],
    ["noColon", { tags: ["noColon"] }],
    [":value", { tags: [":value"] }],
    ["key:", { tags: ["key:"] }],
    ["validitySeconds", { validitySeconds: 29 }],
    ["validitySeconds", { validitySeconds: 60.5 }],
    ["validitySeconds", { validitySeconds: Number.NaN }],
    ["minTtlSeconds", { minTtlSeconds: 29 }],
    ["minTtlSeconds", { minTtlSeconds: 10_801 }],
    ["minTtlSeconds", { minTtlSeconds: Number.NaN }],
  ])("refuses a bad %s: %j", (named, change) => {
    const check = () => checkDelegation({ ...request, ...change });
    expect(check).toThrow(expect.objectContaining({ code: "REFUSED", message: expect.stringContaining(named) }));
  });
});

describe("readDelegationResponse", () => {
  const kind = Subtoken_Kind.BEARER_DELEGATION_TOKEN;
  const subtoken = { kind, delegatedIdentity: request.identity, validityDuration: 10_800 };
  const read = (response: MessageInitShape<typeof MintDelegationTokenResponseSchema>, identity = request.identity) =>
    readDelegationResponse(
      create(MintDelegationTokenResponseSchema, response),
      checkDelegation({ ...request, identity }),
    );

  it("takes what was asked for", () => {
    expect(read({ token: "t", delegationSubtoken: subtoken })).toBe("t");
    expect(read({ token: "t", delegationSubtoken: subtoken }, "REQUESTOR")).toBe("t");
  });

  it.each([
    ["no token", { delegationSubtoken: subtoken }],
    ["does not say", { token: "t" }],
    ["another kind", { token: "t", delegationSubtoken: { ...subtoken, kind: Subtoken_Kind.UNKNOWN_KIND } }],
    ["somebody else", { token: "t", delegationSubtoken: { ...subtoken, delegatedIdentity: "user:x@example.com" } }],
    ["for 0 s", { token: "t", delegationSubtoken: { ...subtoken, validityDuration: 0 } }],
    ["for 10799 s", { token: "t", delegationSubtoken: { ...subtoken, validityDuration: 10_799 } }],
  ])("refuses an answer: %s", (words, response) => {
    const message = expect.stringContaining(words);
    expect(() => read(response)).toThrow(expect.objectContaining({ code: "BAD_RESPONSE", message }));
  });
});
