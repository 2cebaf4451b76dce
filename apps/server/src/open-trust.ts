import { readFileSync } from "node:fs";
import {
  fixedTrust,
  trustFromDocument,
  trustFromServer,
  type TrustSource,
  TrustUnavailable,
} from "@tokens/machine-auth";
import { UsageError } from "./exit-code.js";

/** Opens what `--trust` names: a token server by its base URL, or a file with a certificates document or a trust bundle. */
export function openTrust(trust: string, issuer: string | undefined): TrustSource {
  const options = issuer === undefined ? {} : { issuer };
  if (/^https?:\/\//i.test(trust)) {
    try {
      return trustFromServer(trust, options);
    } catch (error) {
      throw new UsageError((error as Error).message, { cause: error });
    }
  }
  try {
    return fixedTrust(trustFromDocument(readFileSync(trust), options));
  } catch (error) {
    if (error instanceof TrustUnavailable) return unavailable(error);
    throw new UsageError(`cannot read --trust ${trust}: ${(error as Error).message}`, { cause: error });
  }
}

/** A document that cannot be used: nobody can tell about any token. */
function unavailable(error: TrustUnavailable): TrustSource {
  const fail = () => Promise.reject(error);
  return {
    current: () => {
      throw error;
    },
    ready: fail,
    refresh: fail,
    close: () => undefined,
  };
}
