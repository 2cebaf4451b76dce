import { createPublicKey, verify, X509Certificate } from "node:crypto";
import { keyId } from "@tokens/pki";
import { describe, expect, it } from "vitest";
import { openSqliteStorage } from "../storage/sqlite.js";
import { openSigningKey, SigningKeyError } from "./open-signing-key.js";

const NOW = Date.parse("2026-06-01T12:00:00Z");

async function withKeys(run: (keys: Awaited<ReturnType<typeof openSqliteStorage>>["keys"]) => Promise<void>) {
  const storage = await openSqliteStorage(":memory:");
  try {
    await run(storage.keys);
  } finally {
    await storage.close();
  }
}

describe("openSigningKey", () => {
  it("makes a key at the first start, and uses it again", () =>
    withKeys(async (keys) => {
      const first = await openSigningKey(keys, "tokens", "tokens@example.com", NOW);
      const again = await openSigningKey(keys, "tokens", "tokens@example.com", NOW + 1);
      expect([again.keyId, again.certificatePem]).toEqual([first.keyId, first.certificatePem]);
    }));

  it("signs with the key that its certificate and its key id name", () =>
    withKeys(async (keys) => {
      const signer = await openSigningKey(keys, "tokens", "tokens@example.com", NOW);
      const certificate = new X509Certificate(signer.certificatePem);
      const bytes = Buffer.from("body");
      expect(verify("sha256", bytes, certificate.publicKey, await signer.sign(bytes))).toBe(true);
      expect(signer.keyId).toBe(keyId(createPublicKey(certificate.publicKey.export({ type: "spki", format: "pem" }))));
      expect(certificate.subject).toBe("CN=tokens@example.com");
      expect(new Date(certificate.validTo).getUTCFullYear()).toBe(2046);
    }));

  it("ends up with one key when several servers start at once", () =>
    withKeys(async (keys) => {
      const signers = await Promise.all(
        Array.from({ length: 4 }, () => openSigningKey(keys, "tokens", "t@e.com", NOW)),
      );
      expect(new Set(signers.map((signer) => signer.keyId)).size).toBe(1);
    }));

  it("never uses the key of one purpose for another", () =>
    withKeys(async (keys) => {
      const tokens = await openSigningKey(keys, "tokens", "t@e.com", NOW);
      const audit = await openSigningKey(keys, "audit", "t@e.com", NOW);
      expect(audit.keyId).not.toBe(tokens.keyId);
    }));

  it("says which key cannot be used, and nothing of what is in it", () =>
    withKeys(async (keys) => {
      const good = await openSigningKey(keys, "tokens", "t@e.com", NOW);
      const bad = {
        keyId: "k",
        privateKey: Buffer.from("secret"),
        certificatePem: good.certificatePem,
        createdAtMs: NOW,
      };
      await keys.addFirst({ ...bad, purpose: "audit" });
      const opening = openSigningKey(keys, "audit", "t@e.com", NOW);
      await expect(opening).rejects.toThrow(SigningKeyError);
      await expect(opening).rejects.toThrow(/key k for audit/);
    }));
});
