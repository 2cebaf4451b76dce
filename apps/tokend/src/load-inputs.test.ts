import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createCertificateAuthority, issueMachineCertificate, toPem } from "@tokens/pki/x509";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type InputFlags, openKey, readInputs } from "./load-inputs.js";

let folder: string;
let flags: InputFlags;
let warnings: string[];
let encrypted: string;
const file = (name: string) => join(folder, name);

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "inputs-"));
  const ca = await createCertificateAuthority({ commonName: "CA" });
  const { privateKey, certificate } = await issueMachineCertificate(ca, { commonName: "host-1.example.com" });
  writeFileSync(file("key.pem"), privateKey.export({ type: "pkcs8", format: "pem" }), { mode: 0o600 });
  const locked = { type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase: "open sesame" } as const;
  encrypted = privateKey.export(locked) as string;
  writeFileSync(file("cert.pem"), toPem("CERTIFICATE", certificate));
  writeFileSync(file("ca.pem"), toPem("CERTIFICATE", ca.certificate));
});
afterAll(() => rmSync(folder, { recursive: true }));
beforeEach(() => {
  warnings = [];
  chmodSync(file("key.pem"), 0o600);
  flags = {
    key: file("key.pem"),
    passphrase: "",
    certificateFile: file("cert.pem"),
    caFile: "",
    backend: "b",
    audience: [],
    strictPermissions: false,
  };
});

async function load(changes: Partial<InputFlags> = {}) {
  const inputs = await readInputs({ ...flags, ...changes }, (message) => warnings.push(message));
  return { ...inputs, key: await openKey(inputs) };
}

describe("readInputs and openKey", () => {
  it("loads what is needed, with the same digest each time", async () => {
    const [one, two] = [await load(), await load()];
    expect(one.key.algorithm.number).toBe(1);
    expect([one.digest, one.ca, warnings]).toEqual([two.digest, undefined, []]);
    expect((await load({ backend: "c" })).digest).not.toBe(one.digest);
  });

  it.each(["open sesame", "open sesame\n", "open sesame\r\n"])("opens a key with the passphrase %j", async (text) => {
    writeFileSync(file("locked.pem"), encrypted, { mode: 0o600 });
    writeFileSync(file("passphrase"), text);
    const { key } = await load({ key: file("locked.pem"), passphrase: file("passphrase") });
    expect((await key.sign(Buffer.from("x"))).length).toBe(256);
  });

  it("takes no key's name from a file: whoever writes that would choose a library to load", async () => {
    writeFileSync(file("named.pem"), "pkcs11:token=t;object=o?module-path=/no/such.so", { mode: 0o600 });
    await expect(load({ key: file("named.pem") })).rejects.toThrow("not a valid private key PEM");
  });

  it("warns of a key that every user can read, or refuses it when it is told to", async () => {
    chmodSync(file("key.pem"), 0o644);
    await load();
    expect(warnings).toEqual([expect.stringContaining("chmod o-r")]);
    await expect(load({ strictPermissions: true })).rejects.toThrow("every user can read the key");
  });

  it("loads CAs, and refuses a file that holds none", async () => {
    expect(String((await load({ caFile: file("ca.pem") })).ca)).toContain("BEGIN CERTIFICATE");
    await expect(load({ caFile: file("key.pem") })).rejects.toThrow("no list of certificates");
    writeFileSync(file("broken.pem"), "-----BEGIN CERTIFICATE-----\nAQID\n-----END CERTIFICATE-----\n");
    await expect(load({ caFile: file("broken.pem") })).rejects.toThrow("no list of certificates");
  });

  it.each(["key", "certificateFile", "caFile"] as const)("rejects when the file of %s is missing", async (name) => {
    await expect(load({ [name]: file("none") })).rejects.toMatchObject({ code: "ENOENT" });
  });
});
