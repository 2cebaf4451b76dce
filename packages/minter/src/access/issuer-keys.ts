import { createLocalJWKSet, type JSONWebKeySet, type JWK } from "jose";
import { Unavailable } from "../errors.js";

/** Finds the key that a token's header names. */
export type KeyFinder = ReturnType<typeof createLocalJWKSet>;

/** What the keys of one issuer are made of; tests bring their own. */
export interface IssuerKeysParts {
  readonly issuer: string;
  readonly fetchKeys: () => Promise<JSONWebKeySet>;
  /** Monotonic milliseconds: the wall clock may jump. */
  readonly clock: () => number;
}

/** Keys this old are fetched again beside the calls, in milliseconds: so long a key that was withdrawn is believed. */
const REFRESH_MS = 600_000;
/** How long keys are used when they cannot be fetched again. */
const MAX_STALE_MS = 24 * 3_600_000;
/** An unknown key id makes us fetch at most this often: garbage must not make us flood an issuer. */
const COOLDOWN_MS = 30_000;
/** Without any keys, calls make us try again at most this often. */
const FIRST_FETCH_COOLDOWN_MS = 1_000;

/** The signing keys of one OpenID issuer, fetched when they are first needed and kept fresh while they are used. */
export class IssuerKeys {
  readonly #parts: IssuerKeysParts;
  #keys: KeyFinder | undefined;
  #fetchedAt = Number.NEGATIVE_INFINITY;
  #triedAt = Number.NEGATIVE_INFINITY;
  #failure: unknown;
  #flight: Promise<void> | undefined;

  constructor(parts: IssuerKeysParts) {
    this.#parts = parts;
  }

  /** The keys in force. Rejects with Unavailable if there are none that may still be used. */
  async current(): Promise<KeyFinder> {
    const age = this.#parts.clock() - this.#fetchedAt;
    if (age > MAX_STALE_MS) await this.#fetchAfter(FIRST_FETCH_COOLDOWN_MS);
    else if (age > REFRESH_MS) void this.#fetchAfter(COOLDOWN_MS);
    if (!this.#keys || this.#parts.clock() - this.#fetchedAt > MAX_STALE_MS) throw this.#unavailable();
    return this.#keys;
  }

  /**
   * The keys after a fetch for the sake of a key id that nobody knows, if there was none shortly before. Rejects with
   * Unavailable if the last one failed: the key may be a new one.
   */
  async refreshed(): Promise<KeyFinder> {
    await this.#fetchAfter(COOLDOWN_MS);
    if (!this.#keys || this.#failure !== undefined) throw this.#unavailable();
    return this.#keys;
  }

  #unavailable(): Unavailable {
    const reason = this.#failure instanceof Error ? this.#failure.message : "not fetched yet";
    const detail = `the keys of ${this.#parts.issuer} cannot be fetched: ${reason}`;
    return new Unavailable("cannot check bearer tokens of this issuer now", detail, this.#failure);
  }

  /** Joins a fetch that is under way; otherwise fetches, unless somebody tried shortly before. Never rejects. */
  async #fetchAfter(cooldownMs: number): Promise<void> {
    const now = this.#parts.clock();
    if (!this.#flight && now - this.#triedAt < cooldownMs) return;
    this.#triedAt = this.#flight ? this.#triedAt : now;
    this.#flight ??= this.#fetch().finally(() => (this.#flight = undefined));
    await this.#flight;
  }

  async #fetch(): Promise<void> {
    try {
      const { keys } = await this.#parts.fetchKeys();
      this.#keys = createLocalJWKSet({ keys: keys.filter(isStrong) });
      this.#fetchedAt = this.#parts.clock();
      this.#failure = undefined;
    } catch (error) {
      this.#failure = error;
    }
  }
}

/** With a small or even exponent anybody can sign, and Node would believe it. Secret keys are nobody's public keys. */
function isStrong({ kty, e }: JWK): boolean {
  if (kty !== "RSA") return kty === "EC" || kty === "OKP";
  const exponent = BigInt(`0x0${Buffer.from(e ?? "", "base64url").toString("hex")}`);
  return exponent >= 65_537n && exponent % 2n === 1n;
}
