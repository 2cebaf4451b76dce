import { createPublicKey, verify, X509Certificate } from "node:crypto";
import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { keyId } from "@tokens/pki";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openSigningKey, SigningKeyError } from "./signing-key-file.js";

const now = new Date("2026-06-01T12:00:00Z");
let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "keys-"));
  path = join(folder, "data", "signing-key.pem");
});
afterEach(() => rmSync(folder, { recursive: true }));

const open = () => openSigningKey(path, "minter@example.com", now);

describe("openSigningKey", () => {
  it("makes a key for its owner alone, with a certificate that verifiers can use", async () => {
    const signer = await open();
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(statSync(join(folder, "data")).mode & 0o777).toBe(0o700);
    const certificate = new X509Certificate(signer.certificatePem);
    expect(certificate.subject).toBe("CN=minter@example.com");
    expect(certificate.publicKey.asymmetricKeyDetails?.modulusLength).toBe(2048);
    expect(certificate.verify(certificate.publicKey)).toBe(true);
    expect(signer.keyId).toBe(keyId(createPublicKey(readFileSync(path))));
    const signature = await signer.sign(Buffer.from("body"));
    expect(verify("sha256", Buffer.from("body"), certificate.publicKey, signature)).toBe(true);
  });

  it("uses the same key again, and leaves nothing else behind", async () => {
    const first = await open();
    const text = readFileSync(path, "utf8");
    const second = await open();
    expect(second.keyId).toBe(first.keyId);
    expect(second.certificatePem).toBe(first.certificatePem);
    expect(readFileSync(path, "utf8")).toBe(text);
    expect(readdirSync(join(folder, "data"))).toEqual(["signing-key.pem"]);
  });

  it("gives servers that start at once the same key", async () => {
    const signers = await Promise.all([open(), open(), open()]);
    expect(new Set(signers.map((signer) => signer.keyId)).size).toBe(1);
    expect(readdirSync(join(folder, "data"))).toEqual(["signing-key.pem"]);
  });

  it("refuses a key that others can read, and says what to do", async () => {
    await open();
    chmodSync(path, 0o640);
    await expect(open()).rejects.toThrow(/chmod 600/);
  });

  it.each([
    ["garbage", () => "garbage"],
    ["an empty file", () => ""],
    ["a key without its certificate", (text: string) => text.slice(0, text.indexOf("-----BEGIN CERTIFICATE"))],
    ["half of the file", (text: string) => text.slice(0, text.length / 2)],
  ])("refuses %s, and does not touch it", async (_, damage) => {
    await open();
    const text = damage(readFileSync(path, "utf8"));
    writeFileSync(path, text);
    await expect(open()).rejects.toThrow(SigningKeyError);
    expect(readFileSync(path, "utf8")).toBe(text);
  });

  it("refuses a certificate of another key", async () => {
    await open();
    const text = readFileSync(path, "utf8");
    rmSync(path);
    await open();
    const other = readFileSync(path, "utf8");
    const mixed = text.slice(0, text.indexOf("-----BEGIN CERT")) + other.slice(other.indexOf("-----BEGIN CERT"));
    writeFileSync(path, mixed);
    await expect(open()).rejects.toThrow(/belongs to another key/);
  });

  it("does not write through a symbolic link that waits in its place", async () => {
    await open();
    rmSync(path);
    const victim = join(folder, "victim");
    symlinkSync(victim, path);
    await expect(open()).rejects.toThrow(/ENOENT|EEXIST/);
    expect(() => statSync(victim)).toThrow(/ENOENT/);
  });
});
