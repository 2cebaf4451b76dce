import { createHash, generateKeyPairSync, sign } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encodeMachineToken, encodeMachineTokenBody } from "@tokens/machine-auth/machine-token";
import {
  encodeSignedTrustBundle,
  encodeTrustBundle,
  TRUST_BUNDLE_KEY_USAGE,
  trustBundleSignedBytes,
} from "@tokens/machine-auth/trust-bundle";
import { basicConstraints, extendedKeyUsage, keyUsage, TestCa } from "@tokens/pki/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runTokens } from "./programs.js";

const issuedAt = Date.parse("2026-06-01T12:00:00Z") / 1000;
const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
let folder: string;
beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), "check-token-bundle-"))));
afterAll(() => rmSync(folder, { recursive: true }));

function tokenOf(machineFqdn: string): string {
  const said = { issuedBy: "minter@example.com", issuedAt, lifetime: 3600, caId: 1n, certSn: "01", audience: [] };
  const tokenBody = encodeMachineTokenBody({ ...said, machineFqdn });
  return encodeMachineToken({ tokenBody, keyId: "key", rsaSha256: sign("sha256", tokenBody, privateKey) });
}

/** A trust bundle in a file, in which one machine is revoked. */
function writeBundle(): string {
  const ca = TestCa.create("Signing CA");
  const extensions = [basicConstraints(false), keyUsage("digitalSignature"), extendedKeyUsage(TRUST_BUNDLE_KEY_USAGE)];
  const signer = ca.issue("bundles", { extensions });
  const bundle = encodeTrustBundle({
    number: 1,
    signedAt: issuedAt,
    serviceAccount: "minter@example.com",
    keys: [{ keyId: "key", certificate: ca.issue("tokens", { privateKey }).certificate }],
    revocations: [
      { number: 1, subject: { kind: "machine", fqdn: "lost.example.com" }, until: Number.POSITIVE_INFINITY },
    ],
  });
  const signature = sign("sha256", trustBundleSignedBytes(bundle), signer.privateKey);
  const certificates = [signer.certificate];
  const path = join(folder, "bundle");
  writeFileSync(path, encodeSignedTrustBundle({ bundle, signature, certificates, baseNumber: 0, removed: [] }));
  return path;
}

describe("tokens check-token with a trust bundle", () => {
  it("takes it from a file, and knows what was revoked", async () => {
    const [good, lost] = [tokenOf("host-1.example.com"), tokenOf("lost.example.com")];
    const options = ["--trust", writeBundle(), "--at", "2026-06-01T12:01:00Z"];
    const { code, stdout } = await runTokens(["check-token", ...options, good, lost]);
    const rows = stdout.trim().split("\n").map((line) => JSON.parse(line) as Record<string, unknown>); // prettier-ignore
    expect(rows).toMatchObject([
      { ok: true, identity: "bot:host-1.example.com" },
      { ok: false, code: "REVOKED", fingerprint: createHash("sha256").update(lost).digest("hex").slice(0, 32) },
    ]);
    expect(code).toBe(1);
  });

  it("cannot tell when the bundle is damaged or of another account", async () => {
    const path = writeBundle();
    const other = await runTokens(["check-token", "--trust", path, "--issuer", "other@example.com", tokenOf("a.b")]);
    expect([other.code, JSON.parse(other.stdout)]).toMatchObject([3, { ok: false, code: "BAD_DOCUMENT" }]);
    writeFileSync(path, "hello");
    const damaged = await runTokens(["check-token", "--trust", path, tokenOf("a.b")]);
    expect([damaged.code, JSON.parse(damaged.stdout)]).toMatchObject([3, { ok: false, code: "BAD_DOCUMENT" }]);
  });
});
