import { generateKeyPairSync } from "node:crypto";
import { describe, expect, it } from "vitest";
import { signerContract } from "./contract/signer-contract.js";
import { KeyUnusable } from "./key-backend.js";
import { localBackend } from "./local-backend.js";

describe("localBackend", () => {
  it.each(signerContract)("$name", ({ run }) => run(localBackend));

  it("refuses a key that is no RSA key", async () => {
    const { privateKey } = generateKeyPairSync("ed25519");
    const handle = privateKey.export({ type: "pkcs8", format: "der" });
    await expect(localBackend.open(handle)).rejects.toThrow(KeyUnusable);
  });

  it("says nothing of a damaged key but that it is damaged", async () => {
    const { handle } = await localBackend.create("test");
    const damaged = handle.slice(0, -50);
    await expect(localBackend.open(damaged)).rejects.toThrow(
      /^a private key in storage is damaged, or no RSA key; restore the storage from a backup$/,
    );
  });
});
