import { generateKeyPairSync, verify } from "node:crypto";
import { beforeAll, describe, expect, it } from "vitest";
import { type KeyFiles, makeKeyFiles } from "../test/key-files.js";
import { MachineKeyError } from "./errors.js";
import { loadMachineKey } from "./machine-key.js";

let files: KeyFiles;
let other: KeyFiles;
beforeAll(async () => void ([files, other] = await Promise.all([makeKeyFiles(), makeKeyFiles()])));

describe("loadMachineKey", () => {
  it("signs with the key", async () => {
    const key = loadMachineKey(files.keyPem, files.certificatePem);
    const signature = await key.sign(Buffer.from("request"));
    expect(verify("sha256", Buffer.from("request"), files.privateKey, signature)).toBe(true);
  });

  it("takes text before a block, CR LF, and a last line without its end", () => {
    for (const edit of [
      (pem: string) => `note\n${pem}`,
      (pem: string) => pem.replaceAll("\n", "\r\n"),
      (pem: string) => pem.trimEnd(),
    ]) {
      const key = loadMachineKey(edit(files.keyPem), edit(files.certificatePem));
      expect(key.certificateDer.length).toBeGreaterThan(500);
    }
  });

  const pkcs8 = () => files.privateKey.export({ type: "pkcs8", format: "pem" }) as string;
  const ec = () =>
    generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({ type: "sec1", format: "pem" }) as string;
  it.each<[string, () => string, RegExp]>([
    ["no PEM", () => "garbage", /not a valid private key PEM/],
    ["an empty file", () => "", /not a valid private key PEM/],
    ["PKCS#8", pkcs8, /not a supported private key type: "PRIVATE KEY"/],
    ["an EC key", ec, /not a supported private key type: "EC PRIVATE KEY"/],
    ["a certificate", () => files.certificatePem, /not a supported private key type: "CERTIFICATE"/],
    ["a blank line behind the key", () => `${files.keyPem}\n`, /something follows/],
    ["two keys", () => files.keyPem + files.keyPem, /something follows/],
    ["a key that is cut short", () => files.keyPem.replace(/\n.*\n(?=-----END)/, "\n"), /not a valid private key/],
  ])("refuses %s for a key", (_, keyPem, message) => {
    const load = () => loadMachineKey(keyPem(), files.certificatePem);
    expect(load).toThrow(MachineKeyError);
    expect(load).toThrow(message);
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
