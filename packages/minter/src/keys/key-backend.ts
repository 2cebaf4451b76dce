import type { KeyObject } from "node:crypto";
import { Unavailable } from "../errors.js";

/** RSASSA-PKCS1-v1_5 with SHA-256 over the bytes. Never blocks the event loop. Rejects with SignerUnavailable. */
export type SignBytes = (bytes: Uint8Array) => Promise<Uint8Array>;

/** A key as its backend made it. */
export interface NewKey {
  readonly publicKey: KeyObject;
  /** What has to be kept to sign with it again: the private key itself (PKCS#8 in DER), or where it is. */
  readonly handle: Uint8Array;
}

/** Where private keys live and sign: this process, an HSM, a cloud. All keys are RSA keys that sign with SHA-256. */
export interface KeyBackend {
  /** Names it in storage. */
  readonly name: "local" | "pkcs11" | "gcp-kms";
  /** Whether its signatures come from outside, so that each has to be verified before it is used. */
  readonly isRemote: boolean;
  /** Makes a key. The label is for whoever looks into the backend. Rejects with SignerUnavailable. */
  create(label: string): Promise<NewKey>;
  /** What signs with a key that `create` made. Rejects with a KeyUnusable for a handle of anything else. */
  open(handle: Uint8Array): Promise<SignBytes>;
  /** Destroys a key for ever, also one that is gone already. Rejects with SignerUnavailable. */
  erase(handle: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

/** Nothing can be signed now: the signer is down, slow, refuses, or has too much to do. The detail says which. */
export class SignerUnavailable extends Unavailable {
  override name = "SignerUnavailable";

  constructor(detail: string, cause?: unknown) {
    super("nothing can be signed now", detail, cause);
  }
}

/** A key in storage with which this server, as it is set up, can never sign. The message says why and what to do. */
export class KeyUnusable extends Error {
  override name = "KeyUnusable";
}
