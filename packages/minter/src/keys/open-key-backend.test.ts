import { describe, expect, it } from "vitest";
import { KeyUnusable } from "./key-backend.js";
import { openKeyBackend } from "./open-key-backend.js";

describe("openKeyBackend", () => {
  it("opens Cloud KMS without asking it anything", async () => {
    const backend = await openKeyBackend("gcp-kms://projects/p/locations/l/keyRings/r/cryptoKeys/k", {});
    expect([backend.name, backend.isRemote]).toEqual(["gcp-kms", true]);
  });

  it.each(["pkcs11:token=t", "gcp-kms://projects/p", "aws-kms://key", "local", ""])("refuses %j", async (uri) => {
    await expect(openKeyBackend(uri, {})).rejects.toThrow(KeyUnusable);
  });
});
