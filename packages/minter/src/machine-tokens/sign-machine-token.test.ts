import { generateKeyPairSync, sign, verify } from "node:crypto";
import { decodeUnverifiedMachineToken } from "@tokens/machine-auth/machine-token";
import { describe, expect, it } from "vitest";
import type { Signer } from "../keys/signer.js";
import type { MachineGrant } from "./machine-grant.js";
import { signMachineToken } from "./sign-machine-token.js";

const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
const signer = {
  keyId: "key-1",
  sign: (bytes: Uint8Array) => Promise.resolve(sign("sha256", bytes, privateKey)),
} as Partial<Signer> as Signer;
const grant: MachineGrant = {
  fqdn: "host.example.com",
  lifetimeSeconds: 3600,
  caId: 7n,
  certSn: Uint8Array.of(0x10, 0x01),
  audience: ["service:a", "service:b"],
};

describe("signMachineToken", () => {
  it("says what was granted, from the second in which it is made, under the signer's key", async () => {
    const made = await signMachineToken(grant, "tokens@example.com", signer, 1_780_000_000_999);
    expect(made).toMatchObject({ keyId: "key-1", issuedAt: 1_780_000_000, expiresAt: 1_780_003_600 });
    const token = decodeUnverifiedMachineToken(made.token);
    expect(token.keyId).toBe("key-1");
    expect(verify("sha256", token.tokenBody, publicKey, token.rsaSha256)).toBe(true);
    expect(token.body).toEqual({
      machineFqdn: "host.example.com",
      issuedBy: "tokens@example.com",
      issuedAt: 1_780_000_000,
      lifetime: 3600,
      caId: 7n,
      certSn: "1001",
      audience: ["service:a", "service:b"],
    });
  });

  it("makes the same token of the same grant in the same second", async () => {
    const [one, other] = await Promise.all(
      [1_780_000_000_000, 1_780_000_000_999].map((nowMs) =>
        signMachineToken(grant, "tokens@example.com", signer, nowMs),
      ),
    );
    expect(one?.token).toBe(other?.token);
  });
});
