import { verify } from "node:crypto";
import { beforeAll, describe, expect, it } from "vitest";
import { type KeyFiles, makeKeyFiles } from "../test/key-files.js";
import { hasOpenssl, type KeyKind, makeOpensslKeyFiles, openssl } from "../test/openssl-keys.js";
import { MachineKeyError } from "./errors.js";
import { loadMachineKey } from "./machine-key.js";

let files: KeyFiles;
let other: KeyFiles;
beforeAll(async () => void ([files, other] = await Promise.all([makeKeyFiles(), makeKeyFiles()])));

const request = Buffer.from("request");

describe("loadMachineKey", () => {
  it("signs with the key", async () => {
    const key = loadMachineKey(files.keyPem, files.certificatePem);
    expect(key.algorithm.number).toBe(1);
    expect(verify("sha256", request, files.privateKey, await key.sign(request))).toBe(true);
  });

  const pkcs8 = () => files.privateKey.export({ type: "pkcs8", format: "pem" }) as string;
  const encrypted = (passphrase: string) =>
    files.privateKey.export({ type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase }) as string;

  it("takes PKCS#8, in plain or encrypted", async () => {
    for (const key of [
      loadMachineKey(pkcs8(), files.certificatePem),
      loadMachineKey(encrypted("secret"), files.certificatePem, { passphrase: "secret" }),
      loadMachineKey(encrypted("secret"), files.certificatePem, { passphrase: Buffer.from("secret") }),
    ])
      expect(verify("sha256", request, files.privateKey, await key.sign(request))).toBe(true);
  });

  it.each<[string, () => string, RegExp]>([
    ["no PEM", () => "garbage", /not a valid private key PEM/],
    ["a certificate", () => files.certificatePem, /not a supported private key type: "CERTIFICATE", expected one of/],
    ["two keys", () => files.keyPem + files.keyPem, /something follows/],
    ["a key that is cut short", () => files.keyPem.replace(/\n.*\n(?=-----END)/, "\n"), /not a valid private key/],
    ["an encrypted key without its passphrase", () => encrypted("secret"), /there is no passphrase/],
  ])("refuses %s for a key", (_, keyPem, message) => {
    const load = () => loadMachineKey(keyPem(), files.certificatePem);
    expect(load).toThrow(MachineKeyError);
    expect(load).toThrow(message);
  });

  it("refuses a wrong passphrase", () => {
    const load = () => loadMachineKey(encrypted("secret"), files.certificatePem, { passphrase: "guess" });
    expect(load).toThrow(MachineKeyError);
    expect(load).toThrow(/wrong passphrase/);
  });

  it.each<[string, () => string, RegExp]>([
    ["no PEM", () => "garbage", /not a valid certificate PEM/],
    ["a key", () => files.keyPem, /expecting "CERTIFICATE", got "RSA PRIVATE KEY"/],
    ["a chain", () => files.certificatePem + other.certificatePem, /something follows/],
    ["another key's certificate", () => other.certificatePem, /doesn't match the private key/],
    [
      "a certificate that is cut short",
      () => files.certificatePem.replace(/\n.*\n(?=-----END)/, "\n"),
      /not a valid certificate/,
    ],
  ])("refuses %s for a certificate", (_, certificatePem, message) => {
    const load = () => loadMachineKey(files.keyPem, certificatePem());
    expect(load).toThrow(MachineKeyError);
    expect(load).toThrow(message);
  });

  it("never repeats a key in a message", () => {
    const secret = files.keyPem.split("\n")[5] ?? "";
    const load = () => loadMachineKey(`${files.keyPem}x`, files.certificatePem);
    expect(load).toThrow(expect.objectContaining({ message: expect.not.stringContaining(secret) as string }));
  });
});

describe.skipIf(!hasOpenssl)("keys of the openssl command (needs openssl)", () => {
  it.each<[KeyKind, number, string | null, number]>([
    ["p256", 1000, "sha256", 72],
    ["p384", 1001, "sha384", 104],
    ["ed25519", 1002, null, 64],
  ])("signs with %s", async (kind, number, digest, longest) => {
    const made = makeOpensslKeyFiles(kind);
    const key = loadMachineKey(made.keyPem, made.certificatePem);
    const signature = await key.sign(request);
    expect(key.algorithm).toEqual({ number, digest });
    expect(signature.length).toBeLessThanOrEqual(longest);
    expect(verify(digest, request, made.privateKey, signature)).toBe(true);
  });

  it("takes EC keys in their own format, and what openssl encrypts", () => {
    const { keyPem, certificatePem } = makeOpensslKeyFiles("p256");
    const sec1 = openssl(["ec", "-no_public"], keyPem);
    expect(sec1).toContain("BEGIN EC PRIVATE KEY");
    expect(loadMachineKey(sec1, certificatePem).algorithm.number).toBe(1000);
    const locked = openssl(["pkcs8", "-topk8", "-passout", "pass:secret"], keyPem);
    expect(locked).toContain("BEGIN ENCRYPTED PRIVATE KEY");
    expect(loadMachineKey(locked, certificatePem, { passphrase: "secret" }).algorithm.number).toBe(1000);
  });

  it("refuses other curves, and keys that belong to another certificate", () => {
    const [p256, p521] = [makeOpensslKeyFiles("p256"), makeOpensslKeyFiles("p521")];
    expect(() => loadMachineKey(p521.keyPem, p521.certificatePem)).toThrow(/ec secp521r1/);
    expect(() => loadMachineKey(p256.keyPem, p521.certificatePem)).toThrow(/doesn't match/);
    expect(() => loadMachineKey(p256.keyPem, files.certificatePem)).toThrow(/doesn't match/);
  });
});
