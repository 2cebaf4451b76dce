import type { KeyObject } from "node:crypto";
import { TrustUnavailable } from "./errors.js";
import { requireChain } from "./pinned-ca.js";
import { Revocations } from "./revocations.js";
import { MAX_KEY_ID_LENGTH, readCertificate, tokenSigningKey } from "./signing-key.js";
import type { Trust, TrustDemands } from "./trust.js";

/** Largest certificates document, in bytes. */
export const MAX_CERTIFICATES_BYTES: number = 1024 * 1024;

const nothingRevoked = new Revocations([]);

/**
 * Reads the JSON of a token server's `/auth/api/v1/server/certificates`. Keys that cannot be used are left out. Throws
 * TrustUnavailable BAD_DOCUMENT.
 */
export function trustFromCertificates(document: string, demands: TrustDemands): Trust {
  const { service_account_name: account, certificates, timestamp } = parseObject(document);
  if (timestamp !== undefined && !Number.isInteger(timestamp)) throw bad("its timestamp is not an integer");
  if (typeof account !== "string" || account === "") throw bad("it does not name a service account");
  if (demands.issuer !== undefined && account !== demands.issuer) {
    throw bad(`it is of ${JSON.stringify(account)} and not of ${JSON.stringify(demands.issuer)}`);
  }
  if (certificates !== null && !Array.isArray(certificates)) throw bad("it has no list of certificates");
  const keys = new Map<string, KeyObject>();
  for (const entry of certificates ?? []) addKey(keys, entry as unknown, demands);
  return Object.freeze({ issuers: new Map([[account, keys]]), revocations: nothingRevoked });
}

function bad(reason: string, cause?: unknown): TrustUnavailable {
  return new TrustUnavailable("BAD_DOCUMENT", `the certificates document cannot be used: ${reason}`, cause);
}

function parseObject(document: string): Record<string, unknown> {
  if (document.length > MAX_CERTIFICATES_BYTES) throw bad("it is too large");
  let value: unknown;
  try {
    value = JSON.parse(document);
  } catch (error) {
    throw bad("it is not JSON", error);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw bad("it is not a JSON object");
  return value as Record<string, unknown>;
}

/** Adds one entry of the list. The first of two with the same name counts, as for LUCI's reader. */
function addKey(keys: Map<string, KeyObject>, entry: unknown, demands: TrustDemands): void {
  if (typeof entry !== "object" || entry === null) throw bad("an entry of its list is not an object");
  const { key_name: name, x509_certificate_pem: pem } = entry as Record<string, unknown>;
  if (typeof name !== "string" || typeof pem !== "string")
    throw bad("an entry of its list lacks a name or a certificate");
  if (name.length > MAX_KEY_ID_LENGTH || keys.has(name)) return;
  const key = readKey(pem, demands);
  if (key) keys.set(name, key);
}

/**
 * The RSA key of the first PEM block, whatever its label, with text before it or not. Dates and names in the certificate
 * mean nothing here: the key is trusted because of where the document came from, or because a pinned CA certified it. One
 * certificate that cannot be used does not make the others useless: its tokens have an unknown key.
 */
function readKey(pem: string, { pinnedCa, nowMs }: TrustDemands): KeyObject | undefined {
  const base64 = /-----BEGIN [^-]+-----\s([A-Za-z0-9+/=\s]+)-----END /.exec(pem)?.[1];
  const certificate = base64 === undefined ? undefined : readCertificate(Buffer.from(base64, "base64"));
  if (!certificate) return undefined;
  try {
    if (pinnedCa) requireChain([certificate], pinnedCa, nowMs);
    return tokenSigningKey(certificate);
  } catch {
    // Not certified: as good as absent.
    return undefined;
  }
}
