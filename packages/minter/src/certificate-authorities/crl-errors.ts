import { MalformedInput } from "@tokens/pki";
import { type CrlCheckName, CrlError } from "@tokens/pki/crl";

/** The server of a list gave none: it cannot be reached, or answers something else. Asking again may help. */
export class CrlUnreachable extends Error {
  override name = "CrlUnreachable";
}

/** The list must not be fetched from there; asking again will not help. */
export class CrlForbidden extends Error {
  override name = "CrlForbidden";
}

/** A list that is not taken. Fetching the same again will not help. */
export class CrlRefused extends Error {
  override name = "CrlRefused";
  readonly code: string;
  /** The check that failed, if LUCI's server does not make it. */
  readonly policy: string | undefined;

  constructor(message: string, code: string, policy?: string) {
    super(message);
    this.code = code;
    this.policy = policy;
  }
}

/** What is known of an error of the network: its code, whose words are nobody else's. */
export function whyUnreachable(error: unknown): string {
  if (!(error instanceof Error)) return "the fetch failed";
  const code = "code" in error ? String(error.code) : undefined;
  return code === undefined ? error.message : `the fetch failed: ${code}`;
}

/** What went wrong, in a form that one thread can tell another: classes do not get across. */
export type CrlFailure =
  | { readonly refused: string; readonly code: string; readonly policy: CrlCheckName | undefined }
  | { readonly unreachable: string }
  | { readonly failed: string };

export function failureOf(error: unknown): CrlFailure {
  if (error instanceof CrlError) return { refused: error.message, code: error.code, policy: error.policy };
  if (error instanceof MalformedInput) return { refused: error.message, code: "MALFORMED", policy: undefined };
  if (error instanceof CrlRefused) return { refused: error.message, code: error.code, policy: undefined };
  if (error instanceof CrlUnreachable) return { unreachable: error.message };
  return { failed: error instanceof Error ? error.message : "unreadable" };
}

/** The error that was told, as this thread's callers know it. */
export function errorOf(failure: CrlFailure): Error {
  if ("refused" in failure) return new CrlRefused(failure.refused, failure.code, failure.policy);
  if ("unreachable" in failure) return new CrlUnreachable(failure.unreachable);
  return new Error(`the list could not be read: ${failure.failed}`);
}
