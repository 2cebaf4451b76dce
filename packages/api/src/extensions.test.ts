import { create, type DescMessage, fromBinary, toBinary } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { CertificateAuthorityConfigSchema } from "./config.js";
import {
  DelegationTokenSchema,
  MachineTokenBodySchema,
  MachineTokenEnvelopeSchema,
  MachineTokenRequestSchema,
  MintMachineTokenResponseSchema,
  SubtokenSchema,
} from "./index.js";

function extensionsOf(schema: DescMessage): Record<string, number> {
  const ours = schema.fields.filter((field) => field.number >= 1000);
  return Object.fromEntries(ours.map((field) => [field.name, field.number]));
}

describe("fields that LUCI does not know", () => {
  it("have numbers from 1000 up, and only these", () => {
    expect(extensionsOf(MachineTokenBodySchema)).toEqual({ audience: 1000 });
    expect(extensionsOf(MachineTokenRequestSchema)).toEqual({ audience: 1000, nonce: 1001, server_name: 1002 });
    expect(extensionsOf(MintMachineTokenResponseSchema)).toEqual({ reference_id: 1000 });
    expect(extensionsOf(CertificateAuthorityConfigSchema)).toEqual({
      certificate_policy: 1000,
      next_cert_path: 1001,
      intermediate_authority: 1002,
      request_policy: 1003,
    });
  });

  it("leave the bytes alone when they are not set", () => {
    const body = create(MachineTokenBodySchema, { machineFqdn: "a.b", issuedAt: 1n });
    expect(Buffer.from(toBinary(MachineTokenBodySchema, body)).toString("hex")).toBe("0a03612e621801");
  });
});

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

describe("frozen bytes: a change here is a change of the protocol", () => {
  it("writes a machine token body and its envelope", () => {
    const body = create(MachineTokenBodySchema, {
      machineFqdn: "bot-7.lab.example.org",
      issuedBy: "minter@tokens.example.org",
      issuedAt: 1700000000n,
      lifetime: 3600n,
      caId: 42n,
      certSn: Uint8Array.of(1, 2, 3, 4, 5),
    });
    const tokenBody = toBinary(MachineTokenBodySchema, body);
    expect(hex(tokenBody)).toBe(
      "0a15626f742d372e6c61622e6578616d706c652e6f726712196d696e74657240746f6b656e732e6578616d706c652e6f7267" +
        "1880e2cfaa0620901c282a3a050102030405",
    );
    const envelope = create(MachineTokenEnvelopeSchema, { tokenBody, keyId: "k1", rsaSha256: Buffer.from("SIG") });
    expect(hex(toBinary(MachineTokenEnvelopeSchema, envelope))).toBe(`0a44${hex(tokenBody)}12026b311a03534947`);
  });

  it("reads a delegation token and its subtoken", () => {
    const token =
      "Eh51c2VyOm1pbnRlckB0b2tlbnMuZXhhbXBsZS5vcmcaAmsxIgNTSUcqeQoWdXNlcjphbGljZUBleGFtcGxlLm9yZxCA4s-qBhjYBCBNKg1ncm91cDpyZWFkZXJz" +
      "KhR1c2VyOnN2Y0BleGFtcGxlLm9yZzISc2VydmljZTp0YXJnZXQtYXBwOhR1c2VyOnN2Y0BleGFtcGxlLm9yZ0ABSgNrOnY";
    const envelope = fromBinary(DelegationTokenSchema, Buffer.from(token, "base64url"));
    expect(envelope).toMatchObject({ signerId: "user:minter@tokens.example.org", signingKeyId: "k1" });
    const subtoken = fromBinary(SubtokenSchema, envelope.serializedSubtoken);
    expect(subtoken).toMatchObject({
      delegatedIdentity: "user:alice@example.org",
      creationTime: 1700000000n,
      validityDuration: 600,
      subtokenId: 77n,
      audience: ["group:readers", "user:svc@example.org"],
      tags: ["k:v"],
    });
    expect(Buffer.from(toBinary(DelegationTokenSchema, envelope)).toString("base64url")).toBe(token);
  });
});
