import { randomBytes } from "node:crypto";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { UsageError } from "./exit-code.js";
import { readKeySettings } from "./key-settings.js";
import { readSettings } from "./settings.js";

let folder: string;
let kek: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "key-settings-"));
  kek = join(folder, "kek");
  writeFileSync(kek, randomBytes(32).toString("base64"), { mode: 0o600 });
});
afterAll(() => rmSync(folder, { recursive: true }));

const read = (flags: Record<string, string>, environment: Record<string, string> = {}) =>
  readKeySettings(readSettings({ config: "c", data: "d", ...flags }, environment, undefined), environment);

describe("readKeySettings", () => {
  it("keeps keys in this process, in plain, by default", async () => {
    expect(await read({})).toEqual({
      keys: { rotation: { leadMs: 600_000, signsForMs: 2_592_000_000 }, encryption: [] },
      warnings: [],
    });
  });

  it("warns of a lead that is shorter than verifiers need", async () => {
    expect((await read({ "key-lead": "34s" })).warnings).toEqual([expect.stringContaining("under 35s")]);
    expect((await read({ "key-lead": "35s" })).warnings).toEqual([]);
  });

  it("takes a key-encryption key from a file, from the environment, or from a KMS", async () => {
    const ids = async (flags: Record<string, string>, environment = {}) =>
      (await read(flags, environment)).keys.encryption?.map(({ id }) => id.split(":")[0]);
    expect(await ids({ "key-encryption-key": kek })).toEqual(["aes-256-gcm"]);
    expect(await ids({}, { TOKENS_KEY_ENCRYPTION_KEY: randomBytes(32).toString("base64") })).toEqual(["aes-256-gcm"]);
    expect(await ids({}, { TOKENS_KEY_ENCRYPTION_KEY: kek })).toEqual(["aes-256-gcm"]);
    const uri = "gcp-kms://projects/p/locations/l/keyRings/r/cryptoKeys/k";
    expect(await ids({ "key-encryption-key": uri })).toEqual(["gcp-kms"]);
  });

  it.each<[string, Record<string, string>, RegExp]>([
    ["a storage of several servers in plain", { storage: "postgres://h/d" }, /needs a key-encryption key/],
    ["the same by its other name", { storage: "postgresql://h/d" }, /needs a key-encryption key/],
    ["a rotation that is not longer than the lead", { "key-lead": "1h", "key-rotation": "1h" }, /longer than key-lead/],
    ["a lead that is no duration", { "key-lead": "soon" }, /must be a duration/],
    ["a file that is not there", { "key-encryption-key": "/no/kek" }, /cannot read/],
  ])("refuses %s", async (_, flags, reason) => {
    await expect(read(flags)).rejects.toThrow(UsageError);
    await expect(read(flags)).rejects.toThrow(reason);
  });

  it("refuses a file that everybody can read, a key that is none, and a signer that it does not know", async () => {
    chmodSync(kek, 0o604);
    await expect(read({ "key-encryption-key": kek })).rejects.toThrow(/chmod 600/);
    chmodSync(kek, 0o640);
    writeFileSync(kek, "secret");
    await expect(read({ "key-encryption-key": kek })).rejects.toThrow(/line 1 of the key-encryption keys is none/);
    await expect(read({ signer: "aws-kms://k" })).rejects.toThrow(/pkcs11:… or gcp-kms:/);
  });
});
