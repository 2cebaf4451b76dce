import { generateKeyPairSync } from "node:crypto";
import { describe, expect, it } from "vitest";
import { signerContract } from "./contract/signer-contract.js";
import { type KeyBackend, KeyUnusable } from "./key-backend.js";
import { localBackend } from "./local-backend.js";

describe("localBackend", () => {
  it.each(signerContract)("$name", ({ run }) => run(localBackend));

  it("would break the contract if it signed before it let go of the event loop", async () => {
    const blocking: KeyBackend = { ...localBackend, open: async () => () => Promise.resolve(new Uint8Array()) };
    const turns = signerContract.find(({ name }) => name.startsWith("lets the event loop turn"));
    await expect(turns?.run(blocking)).rejects.toThrow(/stood still/);
  });

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
