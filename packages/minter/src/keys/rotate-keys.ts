import { X509Certificate } from "node:crypto";
import { keyId } from "@tokens/pki";
import type { Logger } from "../log.js";
import { certifyAuthority, certifyKey, needsCertificate } from "./certify-key.js";
import type { KeyBackend, SignBytes } from "./key-backend.js";
import { KEY_PURPOSES, type KeyPurpose, type KeyStore, type StoredKey } from "./key-store.js";
import type { KeyVault } from "./key-vault.js";
import type { LoadedKeys } from "./loaded-keys.js";
import { planRotation, type RotationCause, type RotationPolicy, signsFrom } from "./plan-rotation.js";

/** What rotating keys needs. */
export interface KeyRotationParts {
  readonly store: KeyStore;
  readonly loaded: LoadedKeys;
  /** Where new keys are made. */
  readonly backend: KeyBackend;
  /** Where the keys may live. */
  readonly backends: readonly KeyBackend[];
  readonly vault: KeyVault;
  /** E-mail of the service account, which the certificates name. */
  readonly owner: string;
  readonly rotation: RotationPolicy;
  readonly log: Logger;
  /** Unix milliseconds. */
  readonly clock: () => number;
}

/** Makes keys, certifies them, and destroys them when their time is over. Any replica may, also several at once. */
export class KeyRotation {
  readonly #parts: KeyRotationParts;

  constructor(parts: KeyRotationParts) {
    this.#parts = parts;
  }

  /** Brings all keys to where they should be by now. Rejects with StorageUnavailable, SignerUnavailable. */
  async maintain(): Promise<void> {
    await this.#reload();
    // The CA certifies the others.
    await this.step("ca", "age");
    await Promise.all(KEY_PURPOSES.map((purpose) => this.step(purpose, "age")));
    await this.#renewCertificates();
    await this.#eraseSpent();
  }

  /** Takes the next step of a purpose, if there is one to take. */
  async step(purpose: KeyPurpose, cause: RotationCause): Promise<void> {
    const { loaded, store, clock, log } = this.#parts;
    const step = planRotation(loaded.keys(purpose), this.#policyOf(purpose), cause, clock());
    if (step.step === "nothing") return;
    if (step.step === "advance") {
      await store.advance(step.keyId, step.signsFromMs);
      log.warn({ purpose, keyId: step.keyId, signsFrom: time(step.signsFromMs) }, "a signing key was brought forward");
    } else {
      await this.#addKey(purpose, step.generation, step.leadMs);
    }
    await this.#reload();
  }

  async #reload(): Promise<void> {
    await this.#parts.loaded.refresh();
    await this.#parts.loaded.opened();
  }

  /** Verifiers have the CA pinned: only an operator replaces it. */
  #policyOf(purpose: KeyPurpose): RotationPolicy {
    const { rotation } = this.#parts;
    return purpose === "ca" ? { ...rotation, signsForMs: undefined } : rotation;
  }

  async #addKey(purpose: KeyPurpose, generation: number, leadMs: number): Promise<void> {
    const { backend, store, log } = this.#parts;
    const { publicKey, handle } = await backend.create(`tokens ${purpose} ${generation}`);
    let outcome: "added" | "taken" | "failed" = "failed";
    try {
      const id = keyId(publicKey);
      const certificatePem = await this.#certify({ publicKey, purpose }, () => backend.open(handle));
      const kept = await this.#parts.vault.seal({ keyId: id, purpose, backend: backend.name }, handle);
      const createdAtMs = this.#parts.clock();
      const signsFromMs = signsFrom(generation, leadMs, createdAtMs);
      const times = { createdAtMs, signsFromMs };
      outcome = await store.add({
        keyId: id,
        purpose,
        generation,
        backend: backend.name,
        ...kept,
        certificatePem,
        ...times,
      });
      if (outcome === "added") log.info({ purpose, keyId: id, signsFrom: time(signsFromMs) }, "a signing key was made");
    } finally {
      if (outcome !== "added") await backend.erase(handle).catch((error: unknown) => this.#warnOfLeftover(error));
    }
  }

  async #certify(
    { publicKey, purpose }: Pick<Parameters<typeof certifyKey>[0], "publicKey" | "purpose">,
    openSign: () => Promise<SignBytes>,
  ): Promise<string> {
    const { loaded, owner, clock } = this.#parts;
    const key = { publicKey, purpose, owner };
    if (purpose === "ca") return certifyAuthority(key, await openSign(), clock());
    return certifyKey(key, loaded.signer("ca"), clock());
  }

  async #renewCertificates(): Promise<void> {
    const { loaded, store, owner, clock, log } = this.#parts;
    const authority = loaded.signer("ca");
    const due = KEY_PURPOSES.filter((purpose) => purpose !== "ca")
      .flatMap((purpose) => loaded.ring(purpose).published)
      .filter(({ certificatePem }) => needsCertificate(certificatePem, authority.certificatePem, clock()));
    for (const { keyId: id, purpose, certificatePem } of due) {
      const { publicKey } = new X509Certificate(certificatePem);
      await store.recertify(id, await certifyKey({ publicKey, purpose, owner }, authority, clock()));
      log.info({ purpose, keyId: id }, "a signing key got a new certificate");
    }
    if (due.length > 0) await this.#reload();
  }

  async #eraseSpent(): Promise<void> {
    const { loaded, store, log } = this.#parts;
    const spent = KEY_PURPOSES.flatMap((purpose) => loaded.ring(purpose).spent).filter(
      ({ handle }) => handle.length > 0,
    );
    for (const key of spent) {
      await this.#destroy(key);
      await store.erase(key.keyId);
      log.info({ purpose: key.purpose, keyId: key.keyId }, "a private key was destroyed");
    }
    if (spent.length > 0) await this.#reload();
  }

  /** What another backend keeps has to be destroyed there. */
  async #destroy(key: StoredKey): Promise<void> {
    const { backends, vault } = this.#parts;
    const backend = backends.find(({ name }) => name === key.backend);
    if (backend?.isRemote) await backend.erase(await vault.open(key));
  }

  #warnOfLeftover(error: unknown): void {
    this.#parts.log.warn({ err: error }, "a key that is not used was left in the signer");
  }
}

const time = (ms: number) => new Date(ms).toISOString();
