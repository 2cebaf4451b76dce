import { createHash, generateKeyPair, type KeyObject } from "node:crypto";

/** Bytes of a key id: the first ones of a SHA-256. */
const KEY_ID_BYTES = 20;

/** The id of a public key: the first 20 bytes of the SHA-256 of its SubjectPublicKeyInfo, in hex. */
export function keyId(publicKey: KeyObject): string {
  const spki = publicKey.export({ type: "spki", format: "der" });
  return createHash("sha256").update(spki).digest().subarray(0, KEY_ID_BYTES).toString("hex");
}

/** Makes an RSA key with public exponent 65537, in the thread pool. */
export function generateRsaKey(modulusLength = 2048): Promise<KeyObject> {
  return new Promise((resolve, reject) => {
    generateKeyPair("rsa", { modulusLength }, (error, _, privateKey) => (error ? reject(error) : resolve(privateKey)));
  });
}
