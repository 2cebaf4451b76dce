import { X509Certificate } from "node:crypto";
import {
  type BundledKey,
  encodeSignedTrustBundle,
  encodeTrustBundle,
  type TrustBundle,
  trustBundleSignedBytes,
} from "@tokens/machine-auth/trust-bundle";
import { Unavailable } from "../errors.js";
import type { Signer } from "../keys/signer.js";
import type { Feed } from "./feed-store.js";
import type { RevocationFeed } from "./revocation-feed.js";

/** What publishing needs. */
export interface BundlePublisherParts {
  readonly feed: Pick<RevocationFeed, "latest">;
  /** What signs bundles now. Throws Unavailable. */
  readonly signer: () => Signer;
  /** E-mail that the tokens name as their issuer. */
  readonly serviceAccount: string;
}

/** What a verifier has already. */
export interface BundleQuery {
  /** Number of the bundle that it has, as the query parameter `since` says. */
  readonly since: string | undefined;
  /** The header If-None-Match. */
  readonly ifNoneMatch: string | undefined;
}

/** A bundle, complete or an update; no body if the verifier has it. */
export interface BundleAnswer {
  readonly etag: string;
  readonly body: Uint8Array | undefined;
}

/** How old a signature may become, in seconds. Between two, verifiers are answered that nothing has changed. */
const SIGNED_EVERY_SECONDS = 60;

/** Updates that are kept, each for verifiers with another number. */
const MAX_UPDATES = 32;

/** A bundle that was signed. */
interface SignedFeed {
  readonly feed: Feed;
  readonly bundle: TrustBundle;
  readonly keyId: string;
  readonly signature: Uint8Array;
  readonly certificates: readonly Uint8Array[];
  readonly etag: string;
  readonly complete: Uint8Array;
  /** By the number that they are based on. */
  readonly updates: Map<number, Uint8Array>;
}

/** Answers verifiers from memory: signing is all that costs, and one signature serves all of them for a minute. */
export class BundlePublisher {
  readonly #parts: BundlePublisherParts;
  /** The revocations of the bundle with this number, as its last field: encoding a hundred thousand takes a third of a second. */
  #encoded = { number: 0, revocations: new Uint8Array() };
  #signed: SignedFeed | undefined;
  #signing: Promise<SignedFeed> | undefined;

  constructor(parts: BundlePublisherParts) {
    this.#parts = parts;
  }

  /** Rejects with Unavailable when there is no bundle to be had. */
  async answer({ since, ifNoneMatch }: BundleQuery): Promise<BundleAnswer> {
    const signed = await this.#upToDate();
    const { etag } = signed;
    const isKnown = ifNoneMatch?.split(",").some((tag) => tag.trim().replace(/^W\//, "") === etag) ?? false;
    if (isKnown) return { etag, body: undefined };
    const base = since !== undefined && /^\d{1,15}$/.test(since) ? Number(since) : 0;
    return { etag, body: updateFrom(base, signed) ?? signed.complete };
  }

  /** A signature that cannot be renewed is no harm as long as it says what is so: verifiers see how old it is. */
  async #upToDate(): Promise<SignedFeed> {
    const { number } = this.#parts.feed.latest().feed;
    try {
      if (this.#isDue()) await this.#sign();
    } catch (error) {
      if (this.#signed?.feed.number !== number) throw error;
    }
    if (!this.#signed) throw new Unavailable("there is no trust bundle yet");
    return this.#signed;
  }

  /** The signature bears the time at which the feed was last read: a feed that cannot be read ages. */
  #isDue(): boolean {
    const { feed, readAtMs } = this.#parts.feed.latest();
    const signed = this.#signed;
    if (signed?.feed.number !== feed.number) return true;
    return (
      readAtMs / 1000 - signed.bundle.signedAt >= SIGNED_EVERY_SECONDS || signed.keyId !== this.#parts.signer().keyId
    );
  }

  /** Signs once, whoever asks meanwhile, until what was signed is what is known. */
  async #sign(): Promise<void> {
    while (this.#isDue()) {
      this.#signing ??= this.#signLatest().finally(() => (this.#signing = undefined));
      this.#signed = await this.#signing;
    }
  }

  async #signLatest(): Promise<SignedFeed> {
    const { feed: source, signer: find, serviceAccount } = this.#parts;
    const { feed, readAtMs } = source.latest();
    const signer = find();
    const bundle: TrustBundle = {
      number: feed.number,
      signedAt: Math.floor(readAtMs / 1000),
      serviceAccount,
      keys: feed.keys.map(({ keyId, certificatePem }): BundledKey => ({ keyId, certificate: derOf(certificatePem) })),
      revocations: feed.entries,
    };
    const bytes = this.#encode(bundle);
    const signature = await signer.sign(trustBundleSignedBytes(bytes));
    const certificates = [derOf(signer.certificatePem)];
    const complete = encodeSignedTrustBundle({ bundle: bytes, signature, certificates, baseNumber: 0, removed: [] });
    const etag = `"${bundle.number}.${bundle.signedAt}.${signer.keyId.slice(0, 8)}"`;
    return { feed, bundle, keyId: signer.keyId, signature, certificates, etag, complete, updates: new Map() };
  }

  #encode(bundle: TrustBundle): Uint8Array {
    const head = encodeTrustBundle({ ...bundle, revocations: [] });
    if (this.#encoded.number !== bundle.number) {
      this.#encoded = { number: bundle.number, revocations: encodeTrustBundle(bundle).slice(head.length) };
    }
    return Buffer.concat([head, this.#encoded.revocations]);
  }
}

/** What came and what went since a number; undefined if that is not known, or more than everything that there is. */
function updateFrom(base: number, signed: SignedFeed): Uint8Array | undefined {
  const { feed, bundle, signature, certificates, complete, updates } = signed;
  if (base < feed.historyFrom || base > feed.number) return undefined;
  const known = updates.get(base);
  if (known) return known;
  const added = bundle.revocations.filter(({ number }) => number > base);
  const removed = feed.removed.filter(({ number, goneFrom }) => number <= base && goneFrom > base);
  const update = encodeSignedTrustBundle({
    bundle: encodeTrustBundle({ ...bundle, revocations: added }),
    signature,
    certificates,
    baseNumber: base,
    removed: removed.map(({ number }) => number),
  });
  const shorter = update.length < complete.length ? update : complete;
  if (updates.size < MAX_UPDATES) updates.set(base, shorter);
  return shorter;
}

function derOf(pem: string): Uint8Array {
  return new X509Certificate(pem).raw;
}
