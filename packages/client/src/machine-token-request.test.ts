import { verify } from "node:crypto";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { MachineTokenRequestSchema, MintMachineTokenRequestSchema } from "@tokens/api";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { makeKeyFiles } from "../test/key-files.js";
import { loadMachineKey } from "./machine-key.js";
import { encodeMachineTokenRequest, type RequestExtensions, signedMintRequest } from "./machine-token-request.js";

const algorithms = fc.constantFrom(1, 1000, 1001, 1002);

it("writes the bytes that the protobuf library writes", () => {
  const fields = fc.record(
    {
      certificateDer: fc.uint8Array({ maxLength: 2000 }),
      algorithm: algorithms,
      issuedAtMs: fc.nat(253_402_300_799_999),
      audience: fc.array(fc.string({ unit: "binary" })),
      nonce: fc.uint8Array({ maxLength: 300 }),
      serverName: fc.string({ unit: "binary" }),
    },
    { requiredKeys: ["certificateDer", "algorithm", "issuedAtMs"] },
  );
  fc.assert(
    fc.property(fields, (each) => {
      const seconds = Math.floor(each.issuedAtMs / 1000);
      const message = create(MachineTokenRequestSchema, {
        certificate: each.certificateDer,
        signatureAlgorithm: each.algorithm,
        issuedAt: { seconds: BigInt(seconds), nanos: (each.issuedAtMs - seconds * 1000) * 1_000_000 },
        tokenType: 2,
        audience: [...(each.audience ?? [])],
        nonce: each.nonce ?? new Uint8Array(),
        serverName: each.serverName ?? "",
      });
      const bytes = encodeMachineTokenRequest(each);
      expect(Buffer.from(bytes)).toEqual(Buffer.from(toBinary(MachineTokenRequestSchema, message)));
    }),
  );
});

describe("signedMintRequest", () => {
  const sign = async (extensions?: RequestExtensions) => {
    const { keyPem, certificatePem, privateKey } = await makeKeyFiles();
    const key = loadMachineKey(keyPem, certificatePem);
    const bytes = await signedMintRequest(key, 1_780_315_200_123, extensions);
    const sent = fromBinary(MintMachineTokenRequestSchema, bytes);
    const isSigned = verify("sha256", sent.serializedTokenRequest, privateKey, sent.signature);
    return { key, isSigned, request: fromBinary(MachineTokenRequestSchema, sent.serializedTokenRequest) };
  };

  it("signs exactly the bytes that it sends", async () => {
    const { isSigned, request } = await sign();
    expect(isSigned).toBe(true);
    expect(request).toMatchObject({
      signatureAlgorithm: 1,
      issuedAt: { seconds: 1_780_315_200n, nanos: 123_000_000 },
      tokenType: 2,
      nonce: new Uint8Array(),
      serverName: "",
    });
  });

  it("carries a fresh nonce with a server's name", async () => {
    const { key, isSigned, request } = await sign({
      serverName: "https://tokens.example.com",
      audience: ["service:a"],
    });
    expect(isSigned).toBe(true);
    expect(request.serverName).toBe("https://tokens.example.com");
    expect(request.audience).toEqual(["service:a"]);
    expect(request.nonce).toHaveLength(16);
    const again = await signedMintRequest(key, 1_780_315_200_123, { serverName: "s" });
    const other = fromBinary(MintMachineTokenRequestSchema, again);
    expect(fromBinary(MachineTokenRequestSchema, other.serializedTokenRequest).nonce).not.toEqual(request.nonce);
  });
});
