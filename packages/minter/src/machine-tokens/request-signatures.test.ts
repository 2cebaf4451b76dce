import { constants, createHash, verify, X509Certificate } from "node:crypto";
import { create, toBinary } from "@bufbuild/protobuf";
import { ErrorCode, MachineTokenRequestSchema, MachineTokenType, MintMachineTokenRequestSchema } from "@tokens/api";
import { expect, it } from "vitest";
import { describeWithVectors, readJsonVector, readVector } from "shared-vectors";
import { proveRequest } from "./machine-token-request.js";

const NOW = Date.parse("2026-06-01T12:00:00Z");

/** A request at that time, as the makers of the vectors serialized it. */
function requestOf(certificate: Uint8Array, signatureAlgorithm: number): Uint8Array {
  const issuedAt = { seconds: BigInt(NOW / 1000), nanos: 0 };
  const tokenType = MachineTokenType.LUCI_MACHINE_TOKEN;
  return toBinary(
    MachineTokenRequestSchema,
    create(MachineTokenRequestSchema, { certificate, signatureAlgorithm, issuedAt, tokenType }),
  );
}

function refusalOf(serializedTokenRequest: Uint8Array, signature: Uint8Array): unknown {
  try {
    proveRequest(create(MintMachineTokenRequestSchema, { serializedTokenRequest, signature }), NOW);
  } catch (error) {
    return error;
  }
  return undefined;
}

describeWithVectors("good signatures of kinds that signature_algorithm does not name", () => {
  it.each([
    ["machine-p256-f9e9b08f34a12f4a", "key-p256", 1, ErrorCode.BAD_SIGNATURE],
    ["machine-p256-84dbd4aad8ba835a", "key-p256", 0, ErrorCode.UNSUPPORTED_SIGNATURE],
    ["machine-p384-b8c803d020e73e42", "key-p384", 1, ErrorCode.BAD_SIGNATURE],
    ["machine-ed25519-0481c82ac24b3d09", "key-ed25519", 1, ErrorCode.BAD_SIGNATURE],
  ])("%s is refused", (name, machine, algorithm, errorCode) => {
    const certificate = readVector(`pki/machines/${machine}.der`);
    const request = requestOf(certificate, algorithm);
    expect(name.endsWith(createHash("sha256").update(request).digest("hex").slice(0, 16))).toBe(true);
    const signature = readVector(`pki/request-signatures/${name}.sig`);
    const { publicKey } = new X509Certificate(certificate);
    expect(verify(machine === "key-ed25519" ? null : "sha256", request, publicKey, signature)).toBe(true);
    expect(refusalOf(request, signature)).toMatchObject({ name: "Refusal", errorCode });
  });

  it("RSA by PSS is refused", () => {
    const { cases } = readJsonVector<{ cases: { name: string; serialized_token_request_hex: string }[] }>(
      "mint-request/cases.json",
    );
    const good = cases.find(({ name }) => name === "good")?.serialized_token_request_hex ?? "";
    const [request, signature] = [Buffer.from(good, "hex"), readVector("pki/pss-request-signature.bin")];
    const key = new X509Certificate(readVector("pki/machines/good.der")).publicKey;
    const padding = constants.RSA_PKCS1_PSS_PADDING;
    expect(verify("sha256", request, { key, padding }, signature)).toBe(true);
    expect(refusalOf(request, signature)).toMatchObject({ name: "Refusal", errorCode: ErrorCode.BAD_SIGNATURE });
  });
});
