import { type KeyObject, verify } from "node:crypto";
import { type SignBytes, SignerUnavailable } from "./key-backend.js";
import type { SignGate } from "./sign-gate.js";
import type { Signer } from "./signer.js";

/** A key and what signs with it. */
export interface SigningKey {
  readonly keyId: string;
  readonly certificatePem: string;
  readonly publicKey: KeyObject;
  readonly sign: SignBytes;
  /** Whether signatures come from outside of this process. */
  readonly isRemote: boolean;
}

/**
 * A signer that does not ask too much of what is behind it, does not wait too long, and hands out no signature that
 * verifiers would refuse. Rejects with SignerUnavailable.
 */
export function guardedSigner(key: SigningKey, gate: SignGate): Signer {
  return {
    keyId: key.keyId,
    certificatePem: key.certificatePem,
    sign: async (bytes) => {
      const signature = await gate.run(() => key.sign(bytes));
      if (key.isRemote && !verify("sha256", bytes, key.publicKey, signature)) {
        throw new SignerUnavailable(`the signer of key ${key.keyId} answered with a wrong signature`);
      }
      return signature;
    },
  };
}
