import { execFileSync } from "node:child_process";
import { verify } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describeWithSoftHsm, makeSoftHsm, type SoftHsm } from "softhsm";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type KeyFiles } from "../test/key-files.js";
import { type KeyKind, makeOpensslKeyFiles } from "../test/openssl-keys.js";
import { MachineKeyError, openPkcs11Key } from "./pkcs11-key.js";

describeWithSoftHsm("openPkcs11Key", () => {
  const made = new Map<KeyKind, KeyFiles>();
  let hsm: SoftHsm | undefined;
  beforeAll(() => {
    hsm = makeSoftHsm();
    for (const [index, kind] of (["rsa", "p256", "p384"] as const).entries()) {
      const files = makeOpensslKeyFiles(kind);
      made.set(kind, files);
      const pem = join(hsm.folder, `${kind}.pem`);
      writeFileSync(pem, files.keyPem, { mode: 0o600 });
      const place = ["--token", "tokens", "--label", kind, "--id", `0${index + 1}`, "--pin", "5678"];
      execFileSync("softhsm2-util", ["--import", pem, ...place], { stdio: "pipe" });
    }
  });
  afterAll(() => hsm?.remove());

  const uri = (key: string) => `pkcs11:token=tokens;${key}?module-path=${hsm?.modulePath}`;
  const certificate = (kind: KeyKind) => made.get(kind)?.certificatePem ?? "";
  const request = Buffer.from("request");

  it.each<[KeyKind, number, string]>([
    ["rsa", 1, "sha256"],
    ["p256", 1000, "sha256"],
    ["p384", 1001, "sha384"],
  ])("signs with a key of kind %s that stays in its token", async (kind, number, digest) => {
    const key = await openPkcs11Key(uri(`object=${kind}`), certificate(kind), "5678");
    expect(key.algorithm.number).toBe(number);
    // Often enough that a number of an ECDSA signature begins with a zero, and with a one.
    for (let i = 0; i < 20; i++) {
      const { privateKey } = made.get(kind) as KeyFiles;
      expect(verify(digest, request, privateKey, await key.sign(request))).toBe(true);
    }
  });

  it("finds a key by its id", async () => {
    const key = await openPkcs11Key(uri("id=%01"), certificate("rsa"), "5678");
    expect((await key.sign(request)).length).toBe(256);
  });

  it.each<[string, () => string, () => string, RegExp]>([
    [
      "another key than the certificate's",
      () => uri("object=p256"),
      () => certificate("p384"),
      /doesn't match|cannot be used/,
    ],
    ["a key that is not there", () => uri("object=none"), () => certificate("rsa"), /0 such private keys/],
    [
      "a token that is not there",
      () => uri("object=rsa").replace("tokens", "other"),
      () => certificate("rsa"),
      /no token "other"/,
    ],
    [
      "a library that is not there",
      () => "pkcs11:token=t;object=o?module-path=/no.so",
      () => certificate("rsa"),
      /cannot be used/,
    ],
    [
      "a kind of key that tokens do not sign with",
      () => uri("object=rsa"),
      () => makeOpensslKeyFiles("ed25519").certificatePem,
      /Ed25519/,
    ],
  ])("refuses %s", async (_, place, pem, reason) => {
    const opening = openPkcs11Key(place(), pem(), "5678");
    await expect(opening).rejects.toThrow(MachineKeyError);
    await expect(opening).rejects.toThrow(reason);
  });
});
