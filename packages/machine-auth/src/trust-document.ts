import { trustFromCertificates } from "./certificates-document.js";
import { TrustUnavailable } from "./errors.js";
import { openTrustBundle, type OpenedTrustBundle } from "./open-trust-bundle.js";
import { readPinnedCa } from "./pinned-ca.js";
import type { Trust, TrustDemands } from "./trust.js";

/** What a document about trust says; the bundle if it is one. */
export interface TrustDocument {
  readonly trust: Trust;
  readonly opened?: OpenedTrustBundle;
}

/** What a document is expected to be. */
export interface TrustDocumentOptions {
  /** Only the tokens of this account are trusted. Default: of whatever account the document is. */
  readonly issuer?: string;
  /** CA certificates in PEM, of which one must have certified the document's signer. Default: anybody may sign it. */
  readonly ca?: string;
}

/** Tag of the first field of a SignedTrustBundle. */
const BUNDLE_TAG = 0x0a;

/**
 * Reads what a token server publishes: the JSON of its certificates endpoint, or a trust bundle. Throws TrustUnavailable
 * BAD_DOCUMENT, and a TypeError for a CA that is none.
 */
export function trustFromDocument(
  document: string | Uint8Array,
  options: TrustDocumentOptions = {},
  clock: () => number = Date.now,
): Trust {
  const bytes = typeof document === "string" ? Buffer.from(document) : document;
  return readTrustDocument(bytes, trustDemands(options)(clock())).trust;
}

/** The options as demands at some time. The CA is read at once: throws a TypeError if it is none. */
export function trustDemands({ issuer, ca }: TrustDocumentOptions): (nowMs: number) => TrustDemands {
  const pinnedCa = ca === undefined ? undefined : readPinnedCa(ca);
  return (nowMs) => ({ issuer, pinnedCa, nowMs });
}

/** Reads a document of either form. Throws TrustUnavailable BAD_DOCUMENT. */
export function readTrustDocument(bytes: Uint8Array, demands: TrustDemands): TrustDocument {
  if (isBundle(bytes)) {
    const opened = openTrustBundle(bytes, demands);
    return { trust: opened.trust, opened };
  }
  return { trust: trustFromCertificates(utf8(bytes), demands) };
}

/** A bundle has more than 127 bytes, which its length says in two; JSON has no such byte behind a line feed. */
function isBundle([first, second = 0]: Uint8Array): boolean {
  return first === BUNDLE_TAG && second >= 0x80;
}

function utf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (error) {
    throw new TrustUnavailable("BAD_DOCUMENT", "the trust document is neither text nor a trust bundle", error);
  }
}
