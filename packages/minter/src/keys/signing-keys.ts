import type { Job } from "../jobs/leased-jobs.js";
import type { Logger } from "../log.js";
import type { Metrics } from "../metrics.js";
import type { KeyBackend } from "./key-backend.js";
import type { KeyState } from "./key-ring.js";
import { KEY_PURPOSES, type KeptHandle, type KeyPurpose, type KeyStore, type StoredKey } from "./key-store.js";
import { KeyVault } from "./key-vault.js";
import type { KeyEncryptionKey } from "./encryption/key-encryption-key.js";
import { LoadedKeys } from "./loaded-keys.js";
import { localBackend } from "./local-backend.js";
import type { RotationPolicy } from "./plan-rotation.js";
import { KeyRotation } from "./rotate-keys.js";
import { SignGate, type SignLimits } from "./sign-gate.js";
import type { Signer } from "./signer.js";

/** How keys are kept and follow each other. */
export interface KeySettings {
  readonly rotation: RotationPolicy;
  /** What encrypts private keys at rest: the first encrypts, all decrypt. Without any they rest in plain. */
  readonly encryption?: readonly KeyEncryptionKey[];
  /** Where new keys are made. Default: in this process. Keys in this process are used in any case. */
  readonly backend?: KeyBackend;
  readonly limits?: SignLimits;
}

/** Ten minutes are enough for our verifiers; a key that signs for a month is known to few who should not have it. */
export const DEFAULT_KEY_SETTINGS: KeySettings = { rotation: { leadMs: 600_000, signsForMs: 30 * 86_400_000 } };

/** What keys need besides. */
export interface SigningKeysParts extends KeySettings {
  readonly store: KeyStore;
  /** E-mail of the service account, which the certificates name. */
  readonly owner: string;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** Unix milliseconds. */
  readonly clock: () => number;
}

/** A key as an operator sees it. */
export interface KeyStatus extends Pick<StoredKey, "keyId" | "purpose" | "backend" | "createdAtMs" | "signsFromMs"> {
  readonly state: KeyState;
  readonly taintedAtMs: number | undefined;
}

/**
 * How often each replica reads the keys, in milliseconds: what was done on another one is known here after this long. Less
 * than what the shortest sensible lead leaves beside a verifier's refresh.
 */
export const KEYS_REFRESH_MS = 5_000;

/** How often one replica looks whether keys have to be made or destroyed, in milliseconds. */
const MAINTAIN_EVERY_MS = 10_000;

/** All signing keys of a token server, in memory and fresh. */
export class SigningKeys {
  readonly #parts: SigningKeysParts;
  readonly #loaded: LoadedKeys;
  readonly #rotation: KeyRotation;
  #timer: NodeJS.Timeout | undefined;
  /** Whether the last reading failed: the log says so once. */
  #isBlind = false;

  private constructor(parts: SigningKeysParts) {
    const { backend = localBackend } = parts;
    const backends = backend === localBackend ? [localBackend] : [localBackend, backend];
    const vault = new KeyVault(parts.encryption ?? []);
    this.#parts = parts;
    this.#loaded = new LoadedKeys({ ...parts, backends, vault, gate: new SignGate(parts.limits) });
    this.#rotation = new KeyRotation({ ...parts, backend, backends, vault, loaded: this.#loaded });
  }

  /**
   * Opens the keys, makes those that are missing, encrypts those that rest otherwise than they should, and keeps reading
   * them. Rejects with a KeyUnusable when this server, as it is set up, cannot sign; with StorageUnavailable,
   * SignerUnavailable.
   */
  static async open(parts: SigningKeysParts): Promise<SigningKeys> {
    const keys = new SigningKeys(parts);
    await reencrypt(parts.store, new KeyVault(parts.encryption ?? []), parts.log);
    await keys.refresh();
    const unusable = keys.#loaded.unusable();
    if (unusable) throw unusable;
    await keys.maintain();
    keys.#timer = setInterval(() => void keys.#refreshAndReport(), KEYS_REFRESH_MS).unref();
    return keys;
  }

  /** What signs for a purpose now. Throws Unavailable. */
  signer(purpose: KeyPurpose): Signer {
    return this.#loaded.signer(purpose);
  }

  /** The keys of a purpose that verifiers may trust, newest first. Throws Unavailable. */
  published(purpose: KeyPurpose): readonly Pick<StoredKey, "keyId" | "certificatePem">[] {
    return this.#loaded.published(purpose);
  }

  /** All keys, oldest first within a purpose. */
  list(): readonly KeyStatus[] {
    return KEY_PURPOSES.flatMap((purpose) => {
      const { states } = this.#loaded.ring(purpose);
      return this.#loaded.keys(purpose).map((key) => statusOf(key, states.get(key.keyId)));
    });
  }

  /** Reads the keys anew, and opens those that may sign. Rejects with StorageUnavailable. */
  async refresh(): Promise<void> {
    await this.#loaded.refresh();
    await this.#loaded.opened();
  }

  async #refreshAndReport(): Promise<void> {
    try {
      await this.#loaded.refresh();
      if (this.#isBlind) this.#parts.log.info({}, "the signing keys are read again");
      this.#isBlind = false;
    } catch (error) {
      if (!this.#isBlind)
        this.#parts.log.warn({ err: error }, "the signing keys cannot be read; the known ones are used");
      this.#isBlind = true;
    }
  }

  /** Brings all keys to where they should be by now. Rejects with StorageUnavailable, SignerUnavailable. */
  maintain(): Promise<void> {
    return this.#rotation.maintain();
  }

  /** The same as the work of one replica. */
  get job(): Job {
    return { name: "keys", everyMs: MAINTAIN_EVERY_MS, run: () => this.maintain() };
  }

  /** Publishes the next key of a purpose, if there is none yet; it signs after the lead. */
  async rotate(purpose: KeyPurpose): Promise<KeyStatus | undefined> {
    await this.#loaded.refresh();
    await this.#rotation.step(purpose, "request");
    const { next, active } = this.#loaded.ring(purpose);
    return this.list().find(({ keyId }) => keyId === (next ?? active)?.keyId);
  }

  /** Ends all trust in a key, at once and for ever, and makes a successor if it signed. Undefined: there is no such key. */
  async taint(keyId: string): Promise<KeyStatus | undefined> {
    await this.#loaded.refresh();
    const key = this.list().find((one) => one.keyId === keyId);
    if (!key) return undefined;
    await this.#parts.store.taint(keyId, this.#parts.clock());
    await this.#loaded.refresh();
    await this.#rotation.step(key.purpose, "age");
    return this.list().find((one) => one.keyId === keyId);
  }

  /** Stops reading the keys. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#parts.backend?.close();
  }
}

function statusOf(key: StoredKey, state: KeyState = "expired"): KeyStatus {
  const { keyId, purpose, backend, createdAtMs, taintedAtMs } = key;
  return {
    keyId,
    purpose,
    backend,
    state,
    createdAtMs,
    signsFromMs: Math.max(key.signsFromMs, createdAtMs),
    taintedAtMs,
  };
}

/** Encrypts what rests in plain or under a former key-encryption key, and removes what was there before. */
async function reencrypt(store: KeyStore, vault: KeyVault, log: Logger): Promise<void> {
  const keys = await store.list();
  const changed = new Map<string, KeptHandle>();
  for (const key of keys) {
    if (!vault.isCurrent(key)) changed.set(key.keyId, await vault.seal(key, await vault.open(key)));
  }
  if (changed.size > 0) {
    await store.reseal(changed);
    log.warn(
      { keys: changed.size },
      "private keys were encrypted anew; older copies of the storage keep them as they were",
    );
  }
  await store.scrub();
  if (!vault.isEncrypting)
    log.warn({}, "private keys rest in plain in the storage; --key-encryption-key encrypts them");
}
