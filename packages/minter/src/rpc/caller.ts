import { type ContextKey, createContextKey } from "@connectrpc/connect";
import { anonymousCaller, type Caller } from "../access/caller.js";

/** Who makes a call. */
export const callerKey: ContextKey<Caller> = createContextKey(anonymousCaller, { description: "caller" });

/** The certificate that the TLS client proved to own, in DER; only where client certificates are asked for. */
export const clientCertificateKey: ContextKey<Uint8Array | undefined> = createContextKey<Uint8Array | undefined>(
  undefined,
  { description: "certificate of the TLS client" },
);

/**
 * Lower-case names of headers that a call has more than once. Readers disagree on which of two values counts, so a
 * credential that is there twice is refused; only who sees the bare request can tell.
 */
export const repeatedHeadersKey: ContextKey<ReadonlySet<string>> = createContextKey<ReadonlySet<string>>(new Set(), {
  description: "headers that are there more than once",
});
