import { verify } from "node:crypto";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { MachineTokenRequestSchema, MintMachineTokenRequestSchema } from "@tokens/api";
import fc from "fast-check";
import { expect, it } from "vitest";
import { makeKeyFiles } from "../test/key-files.js";
import { loadMachineKey } from "./machine-key.js";
import { encodeMachineTokenRequest, signedMintRequest } from "./machine-token-request.js";

it("writes the bytes that the protobuf library writes", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 2000 }), fc.nat(253_402_300_799_999), (certificate, ms) => {
      const seconds = Math.floor(ms / 1000);
      const message = create(MachineTokenRequestSchema, {
        certificate,
        signatureAlgorithm: 1,
        issuedAt: { seconds: BigInt(seconds), nanos: (ms - seconds * 1000) * 1_000_000 },
        tokenType: 2,
      });
      const bytes = encodeMachineTokenRequest(certificate, ms);
      expect(Buffer.from(bytes)).toEqual(Buffer.from(toBinary(MachineTokenRequestSchema, message)));
    }),
  );
});

it("signs exactly the bytes that it sends", async () => {
  const { keyPem, certificatePem, privateKey } = await makeKeyFiles();
  const key = loadMachineKey(keyPem, certificatePem);
  const sent = fromBinary(MintMachineTokenRequestSchema, await signedMintRequest(key, 1_780_315_200_123));
  expect(verify("sha256", sent.serializedTokenRequest, privateKey, sent.signature)).toBe(true);
  expect(fromBinary(MachineTokenRequestSchema, sent.serializedTokenRequest)).toMatchObject({
    signatureAlgorithm: 1,
    issuedAt: { seconds: 1_780_315_200n, nanos: 123_000_000 },
    tokenType: 2,
  });
});
