import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { GoogleServer } from "../../../test/google/google-server.js";
import { WRAP_KEY } from "../../../test/google/kms-endpoint.js";
import { KeyUnusable, SignerUnavailable } from "../key-backend.js";
import { gcpKmsEncryptionKey } from "./gcp-kms-encryption-key.js";

let google: GoogleServer;
beforeEach(async () => void (google = await GoogleServer.start()));
afterEach(() => google.close());

const openKey = () => gcpKmsEncryptionKey(google.kmsUri(WRAP_KEY), { metadataHost: google.host });
const secret = Buffer.from("a private key");
const context = Buffer.from("key id and purpose");

describe("gcpKmsEncryptionKey", () => {
  it("lets the KMS encrypt and decrypt, bound to the context", async () => {
    const key = openKey();
    const sealed = await key.seal(secret, context);
    expect(Buffer.from(await key.open(sealed, context)).toString()).toBe("a private key");
    expect(key.id).toBe(`gcp-kms:${WRAP_KEY}`);
    expect(google.calls.slice(1)).toEqual([
      {
        method: "POST",
        path: `/v1/${WRAP_KEY}:encrypt`,
        body: {
          plaintext: "YSBwcml2YXRlIGtleQ==",
          plaintextCrc32c: "2666517942",
          additionalAuthenticatedData: "a2V5IGlkIGFuZCBwdXJwb3Nl",
          additionalAuthenticatedDataCrc32c: "3100261637",
        },
      },
      expect.objectContaining({ method: "POST", path: `/v1/${WRAP_KEY}:decrypt` }),
    ]);
  });

  it("says no to what it did not encrypt, or not in this context", async () => {
    const key = openKey();
    const sealed = await key.seal(secret, context);
    await expect(key.open(sealed, Buffer.from("another"))).rejects.toThrow(KeyUnusable);
    await expect(key.open(Buffer.alloc(60), context)).rejects.toThrow(/encrypted by another key than projects/);
  });

  it("cannot tell when the KMS is down or says no", async () => {
    const key = openKey();
    const sealed = await key.seal(secret, context);
    for (const status of [403, 404, 429, 500, 503]) {
      google.bend = () => [status, {}];
      await expect(key.open(sealed, context)).rejects.toThrow(SignerUnavailable);
      await expect(key.seal(secret, context)).rejects.toThrow(SignerUnavailable);
    }
  });

  it.each([
    ["plaintext", { plaintext: "AAAA" }],
    ["plaintext's checksum", { plaintextCrc32c: "1" }],
    ["plaintext, which is not there", { plaintext: undefined }],
  ])("takes no damaged %s", async (_, damage) => {
    const key = openKey();
    const sealed = await key.seal(secret, context);
    google.bend = (__, right) => [200, { ...right()[1], ...damage }];
    await expect(key.open(sealed, context)).rejects.toThrow(SignerUnavailable);
  });

  it.each([
    ["verifiedPlaintextCrc32c", false],
    ["verifiedAdditionalAuthenticatedDataCrc32c", undefined],
    ["ciphertextCrc32c", "1"],
  ])("takes no ciphertext whose %s is %s", async (name, value) => {
    google.bend = (call, right) => {
      const [status, answer] = right();
      return [status, call.path.endsWith(":encrypt") ? { ...answer, [name]: value } : answer];
    };
    await expect(openKey().seal(secret, context)).rejects.toThrow(SignerUnavailable);
  });
});
