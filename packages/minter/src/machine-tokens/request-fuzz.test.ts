import { createPublicKey } from "node:crypto";
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { MintMachineTokenRequestSchema } from "@tokens/api";
import { publicKeyOf } from "@tokens/pki";
import { damaged, fuzz, orRefused } from "fuzz";
import { beforeAll, expect, it } from "vitest";
import { makeFleet, signedBytes, signedRequest, type TestMachine } from "../../test/fleet.js";
import { Refusal } from "../errors.js";
import { proveRequest } from "./machine-token-request.js";

const now = Date.parse("2026-06-01T12:00:00Z");
let machine: TestMachine;
beforeAll(async () => void ({ machine } = await makeFleet()));

it("refuses every change to a request in its own words: its signature is over all of it", () => {
  const good = signedRequest(machine, now);
  fuzz(damaged(good.serializedTokenRequest), (bytes) => {
    const proven = orRefused(() => proveRequest({ ...good, serializedTokenRequest: bytes }, now), Refusal);
    expect(proven === undefined).toBe(!bytes.equals(good.serializedTokenRequest));
  });
});

it("refuses every change to the signature", () => {
  const good = signedRequest(machine, now);
  fuzz(damaged(good.signature), (signature) => {
    const proven = orRefused(() => proveRequest({ ...good, signature }, now), Refusal);
    expect(proven === undefined).toBe(!signature.equals(good.signature));
  });
});

it("takes no odd request from a machine but a fresh one, signed with its own key", () => {
  const good = signedRequest(machine, now);
  fuzz(damaged(good.serializedTokenRequest), (bytes) => {
    const proven = orRefused(() => proveRequest(signedBytes(bytes, machine.privateKey), now), Refusal);
    if (!proven) return;
    expect(Math.abs(Number(proven.request.issuedAt?.seconds) - now / 1000)).toBeLessThanOrEqual(600);
    const key = publicKeyOf(proven.certificate.publicKey).export({ type: "spki", format: "pem" });
    expect(key).toBe(createPublicKey(machine.privateKey).export({ type: "spki", format: "pem" }));
  });
});

it("reads any call or none", () => {
  const good = Buffer.from(toBinary(MintMachineTokenRequestSchema, signedRequest(machine, now)));
  fuzz(damaged(good), (bytes) => {
    const call = orRefused(() => fromBinary(MintMachineTokenRequestSchema, bytes), Error);
    if (call) orRefused(() => proveRequest(call, now), Refusal);
  });
});
