import { create } from "@bufbuild/protobuf";
import { RequestPolicy_State, RequestPolicySchema } from "@tokens/api/config";
import { describe, expect, it } from "vitest";
import { requestPolicyOf } from "./request-policy.js";

describe("requestPolicyOf", () => {
  it("turns every extension off where nothing is said", () => {
    const off = { ec_signature: "off", nonce: "off", server_name: "off", audience: "off", allowed_audience: new Set() };
    expect(requestPolicyOf(undefined)).toEqual(off);
    expect(requestPolicyOf(create(RequestPolicySchema))).toEqual(off);
  });

  it.each([
    [RequestPolicy_State.OFF, "off"],
    [RequestPolicy_State.REPORT, "report"],
    [RequestPolicy_State.ENFORCE, "enforce"],
  ])("reads the state %i as %s", (number, state) => {
    const message = create(RequestPolicySchema, {
      ecSignature: number,
      nonce: number,
      serverName: number,
      audience: number,
    });
    expect(requestPolicyOf(message)).toMatchObject({
      ec_signature: state,
      nonce: state,
      server_name: state,
      audience: state,
    });
  });

  it("reads a state that it does not know as the stricter one", () => {
    const unknown = 99 as RequestPolicy_State;
    const message = create(RequestPolicySchema, {
      ecSignature: unknown,
      nonce: unknown,
      serverName: unknown,
      audience: unknown,
    });
    expect(requestPolicyOf(message)).toMatchObject({
      ec_signature: "off",
      nonce: "enforce",
      server_name: "enforce",
      audience: "enforce",
    });
  });
});
