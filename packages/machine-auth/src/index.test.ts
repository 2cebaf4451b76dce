import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import * as delegationToken from "./delegation-token.js";
import * as http from "./http.js";
import * as machineAuth from "./index.js";
import * as machineToken from "./machine-token.js";
import * as trustBundle from "./trust-bundle.js";

it("exports these names and no others", () => {
  expect(Object.keys(machineAuth).toSorted()).toEqual([
    "PermissionDenied",
    "TokenRejected",
    "TrustUnavailable",
    "authenticator",
    "fixedTrust",
    "isIdentity",
    "machineTokenVerifier",
    "trustFromDocument",
    "trustFromFile",
    "trustFromServer",
    "verifyDelegationToken",
    "verifyMachineToken",
  ]);
  expect(Object.keys(http).toSorted()).toEqual(["identityHeaders", "machineAuth"]);
  expect(Object.keys(delegationToken).toSorted()).toEqual([
    "BEARER_DELEGATION_TOKEN",
    "DELEGATION_TOKEN_HEADER",
    "MAX_DELEGATION_TOKEN_BYTES",
    "MAX_DELEGATION_TOKEN_LENGTH",
    "decodeSubtoken",
    "decodeUnverifiedDelegationToken",
    "delegationTokenSignedBytes",
    "encodeDelegationToken",
    "encodeSubtoken",
  ]);
  expect(Object.keys(trustBundle).toSorted()).toEqual([
    "MAX_TRUST_BUNDLE_BYTES",
    "TRUST_BUNDLE_KEY_USAGE",
    "TRUST_BUNDLE_PATH",
    "TRUST_BUNDLE_TYPE",
    "applyTrustBundleDelta",
    "decodeSignedTrustBundle",
    "decodeTrustBundle",
    "encodeSignedTrustBundle",
    "encodeTrustBundle",
    "trustBundleDelta",
    "trustBundleSignedBytes",
  ]);
  expect(Object.keys(machineToken).toSorted()).toEqual([
    "MACHINE_TOKEN_HEADER",
    "MAX_MACHINE_TOKEN_LENGTH",
    "decodeUnverifiedMachineToken",
    "encodeMachineToken",
    "encodeMachineTokenBody",
    "machineTokenSignedBytes",
    "tokenFingerprint",
  ]);
});

it("depends on nothing: its installed closure is one package", () => {
  const manifest = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as Record<
    string,
    unknown
  >;
  expect([manifest["dependencies"], manifest["peerDependencies"], manifest["optionalDependencies"]]).toEqual([
    undefined,
    undefined,
    undefined,
  ]);
});
