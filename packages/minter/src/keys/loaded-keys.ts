import { X509Certificate } from "node:crypto";
import { Unavailable } from "../errors.js";
import type { Logger } from "../log.js";
import type { Metrics } from "../metrics.js";
import { guardedSigner } from "./guarded-signer.js";
import { type KeyBackend, KeyUnusable, SignerUnavailable } from "./key-backend.js";
import { type KeyRing, readKeyRing } from "./key-ring.js";
import type { KeyPurpose, KeyStore, StoredKey } from "./key-store.js";
import type { KeyVault } from "./key-vault.js";
import type { SignGate } from "./sign-gate.js";
import type { Signer } from "./signer.js";

/** What loading keys needs. */
export interface LoadedKeysParts {
  readonly store: KeyStore;
  /** Where the keys may live. */
  readonly backends: readonly KeyBackend[];
  readonly vault: KeyVault;
  readonly gate: SignGate;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** Unix milliseconds. */
  readonly clock: () => number;
}

/**
 * Keys that could not be read again for this long are used and published no more, in milliseconds: one of them may have been
 * tainted. An outage of half a token's life is borne.
 */
export const MAX_KEYS_AGE_MS: number = 30 * 60_000;

/** The keys in the memory of one replica: minting and publishing read no table. */
export class LoadedKeys {
  readonly #parts: LoadedKeysParts;
  #keys: readonly StoredKey[] = [];
  #loadedAtMs = Number.NEGATIVE_INFINITY;
  readonly #signers = new Map<string, Signer>();
  readonly #failures = new Map<string, Error>();
  readonly #opening = new Map<string, Promise<void>>();
  #running: Promise<void> = Promise.resolve();
  #queued: Promise<void> | undefined;

  constructor(parts: LoadedKeysParts) {
    this.#parts = parts;
  }

  /** How long ago the keys were read, in milliseconds. */
  get ageMs(): number {
    return this.#parts.clock() - this.#loadedAtMs;
  }

  /** All keys of a purpose, oldest first. */
  keys(purpose: KeyPurpose): readonly StoredKey[] {
    return this.#keys.filter((key) => key.purpose === purpose);
  }

  /** The ring of a purpose at this moment. */
  ring(purpose: KeyPurpose): KeyRing<StoredKey> {
    return readKeyRing(this.keys(purpose), this.#parts.clock());
  }

  /** The keys that verifiers may trust, newest first. Throws Unavailable when nobody knows any more. */
  published(purpose: KeyPurpose): readonly StoredKey[] {
    this.#requireFresh();
    return this.ring(purpose).published;
  }

  /** What signs now. Throws SignerUnavailable, or Unavailable when the keys are too old. */
  signer(purpose: KeyPurpose): Signer {
    this.#requireFresh();
    const { active, next } = this.ring(purpose);
    if (!active) throw new SignerUnavailable(`no key for ${purpose} signs ${whenAgain(next, this.#parts.clock())}`);
    const signer = this.#signers.get(active.keyId);
    if (signer) return signer;
    throw new SignerUnavailable(`the key ${active.keyId} cannot be opened`, this.#failures.get(active.keyId));
  }

  /** Why this replica, as it is set up, will never be able to sign with a key that it should sign with. */
  unusable(): KeyUnusable | undefined {
    return [...this.#failures.values()].find((error) => error instanceof KeyUnusable);
  }

  /** Reads the keys as they are from now on, once for all who ask meanwhile. Rejects with StorageUnavailable. */
  refresh(): Promise<void> {
    this.#queued ??= this.#running.then(() => {
      this.#queued = undefined;
      const load = this.#load();
      this.#running = load.catch(() => undefined);
      return load;
    });
    return this.#queued;
  }

  /** Waits until each key that may sign is open, or cannot be opened. Reading does not wait for that: a taint is urgent. */
  async opened(): Promise<void> {
    await Promise.all(this.#opening.values());
  }

  async #load(): Promise<void> {
    const startedAtMs = this.#parts.clock();
    this.#keys = await this.#parts.store.list();
    this.#loadedAtMs = startedAtMs;
    this.#parts.metrics.set("tokens_signing_keys_read_seconds", startedAtMs / 1000);
    const wanted = this.#keys.filter((key) => this.#mayYetSign(key));
    const ids = new Set(wanted.map(({ keyId }) => keyId));
    for (const known of this.#signers.keys()) if (!ids.has(known)) this.#signers.delete(known);
    for (const known of this.#failures.keys()) if (!ids.has(known)) this.#failures.delete(known);
    for (const key of wanted) this.#open(key);
  }

  #open(key: StoredKey): void {
    const { keyId, certificatePem } = key;
    if (this.#opening.has(keyId) || this.#signers.get(keyId)?.certificatePem === certificatePem) return;
    const opening = this.#openSigner(key).finally(() => this.#opening.delete(keyId));
    this.#opening.set(keyId, opening);
  }

  #mayYetSign(key: StoredKey): boolean {
    const state = this.ring(key.purpose).states.get(key.keyId);
    return state === "next" || state === "active";
  }

  async #openSigner(key: StoredKey): Promise<void> {
    try {
      const { isRemote, sign } = await this.#openHandle(key);
      const { keyId, certificatePem } = key;
      const { publicKey } = new X509Certificate(certificatePem);
      const signer = guardedSigner({ keyId, certificatePem, publicKey, sign, isRemote }, this.#parts.gate);
      this.#signers.set(keyId, signer);
      this.#failures.delete(keyId);
    } catch (error) {
      this.#noteFailure(key, error instanceof Error ? error : new Error(String(error)));
    }
  }

  /** Said once: it is tried again every few seconds. */
  #noteFailure({ keyId, purpose }: StoredKey, error: Error): void {
    const before = this.#failures.get(keyId);
    this.#failures.set(keyId, error);
    if (before?.message === error.message) return;
    this.#parts.log.warn({ keyId, purpose, err: error }, "a signing key cannot be opened");
  }

  async #openHandle(key: StoredKey) {
    const backend = this.#parts.backends.find(({ name }) => name === key.backend);
    if (!backend) {
      throw new KeyUnusable(`the key ${key.keyId} is in ${key.backend}; start with the --signer that it was made with`);
    }
    return { isRemote: backend.isRemote, sign: await backend.open(await this.#parts.vault.open(key)) };
  }

  #requireFresh(): void {
    if (this.ageMs <= MAX_KEYS_AGE_MS) return;
    const detail = `the keys were last read ${Math.round(this.ageMs / 1000)} s ago: whether one was tainted is not known`;
    throw new Unavailable("the signing keys are not known now", detail);
  }
}

function whenAgain(next: StoredKey | undefined, nowMs: number): string {
  if (!next) return "until one is made";
  return `for another ${Math.ceil((next.signsFromMs - nowMs) / 1000)} s: its successor is being made known`;
}
