import { create } from "@bufbuild/protobuf";
import { MachineTokenRequestSchema, MachineTokenType, SignatureAlgorithm } from "@tokens/api";
import { MachineTokenSchema } from "@tokens/api/audit";
import { describe, expect, it } from "vitest";
import { machineTokenColumns, type MintedMachineToken } from "./machine-token-record.js";

function columnsOf(audience: readonly string[]): Record<string, unknown> {
  const minted = {
    request: create(MachineTokenRequestSchema, {
      tokenType: MachineTokenType.LUCI_MACHINE_TOKEN,
      signatureAlgorithm: SignatureAlgorithm.ED25519_ALGO,
    }),
    trusted: { certificate: { serial: 258n }, ca: { commonName: "CA" }, reports: [] },
    grant: { fqdn: "host-1.example.com", lifetimeSeconds: 60, caId: 7n, certSn: Uint8Array.of(1, 2), audience },
    signed: { token: "secret text", keyId: "k", issuedAt: 1_780_315_200, expiresAt: 1_780_315_260 },
    configRevision: "r1",
  } as unknown as MintedMachineToken;
  return machineTokenColumns(minted, { peer_ip: "10.0.0.1", service_version: "app/1", gae_request_id: "" });
}

describe("machineTokenColumns", () => {
  it("fills the columns of LUCI's table, and never has the token in them", () => {
    const columns = columnsOf([]);
    expect(columns).toMatchObject({
      machine_fqdn: "host-1.example.com",
      issued_at: "2026-06-01T12:00:00Z",
      expiration: "2026-06-01T12:01:00Z",
      cert_serial_number: "258",
      signature_algorithm: "ED25519_ALGO",
      ca_common_name: "CA",
      ca_config_rev: "r1",
    });
    expect(JSON.stringify(columns)).not.toContain("secret text");
    const luci = MachineTokenSchema.fields.filter(({ number }) => number < 1000).map(({ name }) => name);
    expect(Object.keys(columns).toSorted()).toEqual(luci.toSorted());
  });

  it("says which services a token is meant for, where it is for some only", () => {
    expect(columnsOf(["service:a", "service:b"])).toMatchObject({ audience: ["service:a", "service:b"] });
  });
});
