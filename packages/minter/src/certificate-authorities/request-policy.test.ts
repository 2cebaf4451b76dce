import { create } from "@bufbuild/protobuf";
import { RequestPolicy_State, RequestPolicySchema } from "@tokens/api/config";
import { describe, expect, it } from "vitest";
import { requestPolicyOf } from "./request-policy.js";

describe("requestPolicyOf", () => {
  it("turns every extension off where nothing is said", () => {
    const off = { ec_signature: "off" };
    expect(requestPolicyOf(undefined)).toEqual(off);
    expect(requestPolicyOf(create(RequestPolicySchema))).toEqual(off);
  });

  it.each([
    [RequestPolicy_State.OFF, "off"],
    [RequestPolicy_State.REPORT, "report"],
    [RequestPolicy_State.ENFORCE, "enforce"],
    [99 as RequestPolicy_State, "off"],
  ])("reads the state %i of EC signatures as %s", (ecSignature, state) => {
    expect(requestPolicyOf(create(RequestPolicySchema, { ecSignature }))).toMatchObject({ ec_signature: state });
  });
});
