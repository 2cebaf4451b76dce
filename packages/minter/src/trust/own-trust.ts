import { type Trust, trustFromDocument, type TrustSource, TrustUnavailable } from "@tokens/machine-auth";
import type { PublishedKey } from "./public-documents.js";

/** What this server believes of its own tokens: what it tells all other verifiers at this moment, read once per key set. */
export function ownTrust(keys: () => readonly PublishedKey[], certificatesDocument: () => string): TrustSource {
  let known: { readonly keyIds: string; readonly trust: Trust } | undefined;
  const current = (): Trust => {
    const keyIds = publishedIds(keys);
    if (known?.keyIds !== keyIds) known = { keyIds, trust: trustFromDocument(certificatesDocument()) };
    return known.trust;
  };
  // oxlint-disable-next-line typescript/require-await -- what it throws becomes a rejection
  const ready = async () => current();
  return { current, ready, refresh: ready, close: () => undefined };
}

function publishedIds(keys: () => readonly PublishedKey[]): string {
  try {
    return keys()
      .map(({ keyId }) => keyId)
      .join();
  } catch (error) {
    throw new TrustUnavailable("STALE", "the signing keys are not known now", error);
  }
}
