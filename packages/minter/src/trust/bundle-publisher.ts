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

/** An update above this many bytes is large: it is kept for whoever else has the same number. Others are made as they are asked for. */
const LARGE_UPDATE_BYTES = 65_536;

/** Large updates that are kept. Further ones are not made: the complete bundle costs nothing more, however many fetch it slowly. */
const MAX_UPDATES = 32;

/** About as many bytes takes the number of a removed revocation. */
const NUMBER_BYTES = 6;

/** A bundle that was signed. */
interface SignedFeed {
  readonly feed: Feed;
  readonly keyId: string;
  readonly signedAt: number;
  /** The bundle's bytes before its revocations. */
  readonly head: Uint8Array;
  readonly revocations: EncodedRevocations;
  readonly signature: Uint8Array;
  readonly certificates: readonly Uint8Array[];
  readonly etag: string;
  readonly complete: Uint8Array;
  /** Large ones, by the number that they are based on. */
  readonly updates: Map<number, Uint8Array>;
}

/** The revocations of a feed as the last field of its bundle. */
interface EncodedRevocations {
  readonly number: number;
  readonly bytes: Uint8Array;
  /** Where each of them begins. */
  readonly starts: readonly number[];
}

/** Answers verifiers from memory: signing is all that costs, and one signature serves all of them for a minute. */
export class BundlePublisher {
  readonly #parts: BundlePublisherParts;
  /** Of the newest bundle: encoding a hundred thousand takes a third of a second, so nobody who asks may cause it. */
  #revocations: EncodedRevocations = { number: 0, bytes: new Uint8Array(), starts: [] };
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
    try {
      if (this.#isDue()) await this.#sign();
    } catch (error) {
      if (this.#signed?.feed.number !== this.#parts.feed.latest().feed.number) throw error;
    }
    if (!this.#signed) throw new Unavailable("there is no trust bundle yet");
    return this.#signed;
  }

  /** The signature bears the time at which the feed was last read: a feed that cannot be read ages. */
  #isDue(): boolean {
    const { feed, readAtMs } = this.#parts.feed.latest();
    const signed = this.#signed;
    if (signed?.feed.number !== feed.number) return true;
    return readAtMs / 1000 - signed.signedAt >= SIGNED_EVERY_SECONDS || signed.keyId !== this.#parts.signer().keyId;
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
    const head = encodeTrustBundle({ ...bundle, revocations: [] });
    if (this.#revocations.number !== bundle.number) this.#revocations = encodeRevocations(bundle, head);
    const revocations = this.#revocations;
    const bytes = Buffer.concat([head, revocations.bytes]);
    const signature = await signer.sign(trustBundleSignedBytes(bytes));
    const certificates = [derOf(signer.certificatePem)];
    const complete = encodeSignedTrustBundle({ bundle: bytes, signature, certificates, baseNumber: 0, removed: [] });
    const { signedAt } = bundle;
    const etag = `"${bundle.number}.${signedAt}.${signer.keyId.slice(0, 8)}"`;
    const { keyId } = signer;
    return { feed, keyId, signedAt, head, revocations, signature, certificates, etag, complete, updates: new Map() };
  }
}

/** Each is a message: a tag of one byte, its length as a varint, and as many bytes (protobuf's encoding, "Message Structure"). */
function encodeRevocations(bundle: TrustBundle, head: Uint8Array): EncodedRevocations {
  const bytes = encodeTrustBundle(bundle).slice(head.length);
  const starts: number[] = [];
  for (let at = 0; at < bytes.length;) {
    starts.push(at++);
    let length = 0;
    for (let bits = 0, more = true; more; bits += 7) {
      const byte = bytes[at++] ?? 0;
      length += (byte & 0x7f) << bits;
      more = byte >= 0x80;
    }
    at += length;
  }
  return { number: bundle.number, bytes, starts };
}

/** What came and what went since a number; undefined if that is not known, or too much. */
function updateFrom(base: number, signed: SignedFeed): Uint8Array | undefined {
  const { feed, head, revocations, signature, certificates, complete, updates } = signed;
  if (base < feed.historyFrom || base > feed.number) return undefined;
  const known = updates.get(base);
  if (known) return known;
  const had = feed.entries.findLastIndex(({ number }) => number <= base) + 1;
  const added = revocations.bytes.subarray(revocations.starts[had] ?? revocations.bytes.length);
  const removed = feed.removed.filter(({ number, goneFrom }) => number <= base && goneFrom > base);
  const isLarge = added.length + removed.length * NUMBER_BYTES > LARGE_UPDATE_BYTES;
  if (isLarge && updates.size >= MAX_UPDATES) return undefined;
  const update = encodeSignedTrustBundle({
    bundle: Buffer.concat([head, added]),
    signature,
    certificates,
    baseNumber: base,
    removed: removed.map(({ number }) => number),
  });
  const shorter = update.length < complete.length ? update : complete;
  if (isLarge) updates.set(base, shorter);
  return shorter;
}

function derOf(pem: string): Uint8Array {
  return new X509Certificate(pem).raw;
}
