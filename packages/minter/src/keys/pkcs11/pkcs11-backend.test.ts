import { createPublicKey } from "node:crypto";
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describeWithSoftHsm, makeSoftHsm, type SoftHsm } from "softhsm";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { signerContract } from "../contract/signer-contract.js";
import { type KeyBackend, KeyUnusable, SignerUnavailable } from "../key-backend.js";
import { openPkcs11Backend } from "./pkcs11-backend.js";

describeWithSoftHsm("openPkcs11Backend", () => {
  let hsm: SoftHsm | undefined;
  let backend: KeyBackend | undefined;
  beforeAll(async () => {
    hsm = makeSoftHsm();
    backend = await openPkcs11Backend(hsm.uri);
  });
  afterAll(async () => {
    await backend?.close();
    hsm?.remove();
  });
  const opened = (): { hsm: SoftHsm; backend: KeyBackend } => {
    if (!hsm || !backend) throw new Error("the HSM did not start");
    return { hsm, backend };
  };

  it.each(signerContract)("$name", ({ run }) => run(opened().backend));

  it("keeps only the key's place, and signs with it after a restart", async () => {
    const key = await opened().backend.create("kept");
    expect(Buffer.from(key.handle).toString()).toMatch(/^pkcs11:id=[0-9a-f]{40}$/);
    const again = await openPkcs11Backend(opened().hsm.uri);
    const sign = await again.open(key.handle);
    expect((await sign(Buffer.from("body"))).length).toBe(256);
    await again.close();
    await opened().backend.erase(key.handle);
  });

  it("makes keys that the token does not give away", async () => {
    const { publicKey, handle } = await opened().backend.create("private");
    const { n } = publicKey.export({ format: "jwk" });
    expect(createPublicKey({ key: { kty: "RSA", n: String(n), e: "AQAB" }, format: "jwk" }).equals(publicKey)).toBe(
      true,
    );
    const { default: pkcs11 } = await import("graphene-pk11");
    const module = pkcs11.Module.load(opened().hsm.modulePath);
    const session = module.getSlots(true).items(0).open(pkcs11.SessionFlag.SERIAL_SESSION);
    // The backend is logged in, and PKCS#11 logs whole processes in.
    const id = Buffer.from(Buffer.from(handle).toString().slice("pkcs11:id=".length), "hex");
    const key = session.find({ class: pkcs11.ObjectClass.PRIVATE_KEY, id }).items(0);
    expect(key.getAttribute({ sensitive: null, extractable: null, token: null })).toEqual({
      sensitive: true,
      extractable: false,
      token: true,
    });
    expect(() => key.getAttribute({ privateExponent: null })).toThrow(/CKR_ATTRIBUTE_SENSITIVE/);
    session.close();
    await opened().backend.erase(handle);
  });

  it("refuses a wrong PIN after one try, so that the token is not locked", async () => {
    const { hsm: token, backend: right } = opened();
    const pinFile = join(token.folder, "wrong-pin");
    writeFileSync(pinFile, "0000");
    // Whoever is logged in already is not asked for the PIN: only a process of its own could tell.
    await right.close();
    const wrong = token.uri.replace(token.pinFile, pinFile);
    const { default: pkcs11 } = await import("graphene-pk11");
    const module = pkcs11.Module.load(token.modulePath);
    module.getSlots(true).items(0).open(pkcs11.SessionFlag.SERIAL_SESSION).logout();
    await expect(openPkcs11Backend(wrong)).rejects.toThrow(/the HSM cannot be used: .*CKR_PIN_INCORRECT/);
    backend = await openPkcs11Backend(token.uri);
  });

  it.each([
    ["a token that is not there", (uri: string) => uri.replace("token=tokens", "token=other"), /no token "other"/],
    ["a library that is not there", (uri: string) => uri.replace(/module-path=[^&]+/, "module-path=/no.so"), /no\.so/],
    ["a PIN file that is not there", (uri: string) => uri.replace(/file:.*$/, "file:/no/pin"), /cannot be used/],
  ])("refuses %s", async (_, change, reason) => {
    const opening = openPkcs11Backend(change(opened().hsm.uri));
    await expect(opening).rejects.toThrow(KeyUnusable);
    await expect(opening).rejects.toThrow(reason);
  });

  it("is unavailable once it is closed", async () => {
    const closed = await openPkcs11Backend(opened().hsm.uri);
    const { handle } = await closed.create("closed");
    const sign = await closed.open(handle);
    await closed.erase(handle);
    await closed.close();
    await expect(sign(Buffer.from("body"))).rejects.toThrow(SignerUnavailable);
    await expect(closed.create("more")).rejects.toThrow(SignerUnavailable);
  });

  it("leaves no key behind", () => {
    const files = readdirSync(opened().hsm.folder, { recursive: true }).map(String);
    expect(files.filter((file) => file.endsWith(".object") && !file.includes("token.object"))).toEqual([]);
  });
});

describe("without an HSM", () => {
  it("refuses a URI that cannot be used", async () => {
    await expect(openPkcs11Backend("pkcs11:")).rejects.toThrow(KeyUnusable);
  });
});
