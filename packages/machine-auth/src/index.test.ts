import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import * as connect from "./connect.js";
import * as delegationToken from "./delegation-token.js";
import * as express from "./express.js";
import * as fastify from "./fastify.js";
import * as hono from "./hono.js";
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
  const middleware = ["callerOf", "identityHeaders", "machineAuth"];
  for (const framework of [http, express, fastify]) expect(Object.keys(framework).toSorted()).toEqual(middleware);
  expect(Object.keys(hono).toSorted()).toEqual(["identityHeaders", "machineAuth"]);
  expect(Object.keys(connect).toSorted()).toEqual(["callerKey", ...middleware]);
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
    "Revocations",
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
    "CanonicalReader",
    "MACHINE_TOKEN_HEADER",
    "MAX_MACHINE_TOKEN_LENGTH",
    "decodeUnverifiedMachineToken",
    "encodeMachineToken",
    "encodeMachineTokenBody",
    "machineTokenSignedBytes",
    "tokenFingerprint",
  ]);
});

interface Manifest {
  dependencies?: unknown;
  optionalDependencies?: unknown;
  peerDependencies: Record<string, string>;
  peerDependenciesMeta: Record<string, { optional: boolean }>;
  exports: Record<string, unknown>;
}

const manifest = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as Manifest;

it("depends on nothing: its installed closure is one package", () => {
  expect([manifest.dependencies, manifest.optionalDependencies]).toEqual([undefined, undefined]);
});

it("names the frameworks that it works with, and makes nobody install them", () => {
  expect(Object.keys(manifest.peerDependencies)).toEqual(["@connectrpc/connect", "express", "fastify", "hono"]);
  const optional = Object.entries(manifest.peerDependenciesMeta).filter(([, { optional: is }]) => is);
  expect(optional.map(([name]) => name)).toEqual(Object.keys(manifest.peerDependencies));
});

it("has these entry points", () => {
  expect(Object.keys(manifest.exports)).toEqual([
    ".",
    "./connect",
    "./delegation-token",
    "./express",
    "./fastify",
    "./hono",
    "./http",
    "./machine-token",
    "./trust-bundle",
    "./package.json",
  ]);
});
