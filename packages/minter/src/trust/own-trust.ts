import {
  type Revocations,
  type Trust,
  trustFromDocument,
  type TrustSource,
  TrustUnavailable,
} from "@tokens/machine-auth";
import type { PublishedKey } from "./public-documents.js";

/** What a server knows of its own tokens. */
export interface OwnTrustParts {
  /** The keys that verifiers may trust. Throws Unavailable. */
  readonly keys: () => readonly PublishedKey[];
  readonly certificatesDocument: () => string;
  /** What is revoked. Throws Unavailable. */
  readonly revocations: () => Revocations;
}

/** What this server believes of its own tokens at this moment. The keys are read once per set of them. */
export function ownTrust({ keys, certificatesDocument, revocations: revoked }: OwnTrustParts): TrustSource {
  let known: { readonly keyIds: string; readonly trust: Trust } | undefined;
  const current = (): Trust => {
    const [keyIds, revocations] = orTrustUnavailable(
      () =>
        [
          keys()
            .map(({ keyId }) => keyId)
            .join(),
          revoked(),
        ] as const,
    );
    if (known?.keyIds !== keyIds)
      known = { keyIds, trust: { ...trustFromDocument(certificatesDocument()), revocations } };
    if (known.trust.revocations !== revocations) known = { keyIds, trust: { ...known.trust, revocations } };
    return known.trust;
  };
  // oxlint-disable-next-line typescript/require-await -- what it throws becomes a rejection
  const ready = async () => current();
  return { current, ready, refresh: ready, close: () => undefined };
}

function orTrustUnavailable<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new TrustUnavailable("STALE", "the signing keys, or what was revoked, are not known now", error);
  }
}
