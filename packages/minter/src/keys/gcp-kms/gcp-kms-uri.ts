import { isSafeIssuerUrl } from "../../access/oidc-issuer.js";
import { KeyUnusable } from "../key-backend.js";

/** A key of Google's Cloud KMS, and where its API is. */
export interface GcpKmsPlace {
  /** `projects/…/locations/…/keyRings/…/cryptoKeys/…` */
  readonly cryptoKey: string;
  /** Base URL of the API, without a slash at its end. */
  readonly endpoint: string;
}

const ENDPOINT = "https://cloudkms.googleapis.com";
const PART = "[A-Za-z0-9_.:-]{1,100}";
const CRYPTO_KEY = new RegExp(`^projects/${PART}/locations/${PART}/keyRings/${PART}/cryptoKeys/${PART}$`);

/** How it is written; part of every complaint. */
const EXAMPLE = "gcp-kms://projects/P/locations/L/keyRings/R/cryptoKeys/K";

/** Whether a setting means a key of Cloud KMS. */
export function isGcpKmsUri(text: string): boolean {
  return text.startsWith("gcp-kms:");
}

/** Reads `gcp-kms://projects/…`, with `?endpoint=https://…` where the API is reached elsewhere. Throws a KeyUnusable. */
export function readGcpKmsUri(uri: string): GcpKmsPlace {
  const [path = "", query] = uri.split(/\?(.*)/s);
  const cryptoKey = path.replace(/^gcp-kms:\/\//, "");
  if (!uri.startsWith("gcp-kms://") || !CRYPTO_KEY.test(cryptoKey)) throw malformed(uri, "it names no key");
  if (query === undefined) return { cryptoKey, endpoint: ENDPOINT };
  const parameters = [...new URLSearchParams(query)];
  const [[name, endpoint] = []] = parameters;
  if (parameters.length !== 1 || name !== "endpoint" || endpoint === undefined) {
    throw malformed(uri, "endpoint is the only parameter that there is");
  }
  if (!isSafeIssuerUrl(endpoint)) throw malformed(uri, "endpoint is not an https URL");
  return { cryptoKey, endpoint: endpoint.replace(/\/+$/, "") };
}

function malformed(uri: string, reason: string): KeyUnusable {
  return new KeyUnusable(`the KMS URI ${JSON.stringify(uri)} cannot be used: ${reason}; it is written like ${EXAMPLE}`);
}
