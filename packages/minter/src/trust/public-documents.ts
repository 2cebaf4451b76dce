import { X509Certificate } from "node:crypto";
import type { Signer } from "../keys/signer.js";

/** A key that verifiers may trust. */
export type PublishedKey = Pick<Signer, "keyId" | "certificatePem">;

/** Who the server says it is. */
export interface ServerIdentity {
  readonly appId: string;
  readonly serviceAccount: string;
  /** "<app id>/<version>", as responses call it. */
  readonly serviceVersion: string;
  /** URL under which others reach the server: the issuer of its JWTs. Without one it is none. Throws Unavailable. */
  readonly publicUrl?: (() => string) | undefined;
}

/** The documents that anybody may read, by path; each call renders one anew. */
export type PublicDocuments = ReadonlyMap<string, () => string>;

const BASE = "/auth/api/v1/server";
const JWKS_PATH = "/.well-known/jwks.json";

/** Where verifiers find the certificates of the signing keys. */
export const CERTIFICATES_PATH: string = `${BASE}/certificates`;

/** The keys that verifiers may trust, by what they sign. */
export type PublishedKeys = (purpose: "tokens" | "jwt" | "ca") => readonly PublishedKey[];

/**
 * LUCI's three JSON documents: the certificates of the signing keys, what server this is, and its OAuth client;
 * the CA to pin; the keys of JWTs (RFC 7517), and where to find them (OpenID Connect Discovery). Rendering throws Unavailable when the keys are not known.
 */
export function publicDocuments(identity: ServerIdentity, keys: PublishedKeys, clock: () => number): PublicDocuments {
  const { publicUrl } = identity;
  const discovery: [string, () => string][] = publicUrl
    ? [["/.well-known/openid-configuration", () => json(openIdConfiguration(publicUrl()))]]
    : [];
  return new Map([
    ...discovery,
    [CERTIFICATES_PATH, () => json(certificates(identity, keys("tokens"), clock()))],
    ["/trust/v1/ca.pem", () => pemOf(keys("ca"))],
    [JWKS_PATH, () => json({ keys: keys("jwt").map(jwkOf) })],
    [`${BASE}/info`, () => json(info(identity))],
    [`${BASE}/client_id`, () => json({ client_id: "" })],
  ]);
}

/** The timestamp is a JSON integer of microseconds: Go's reader refuses a string or a fraction. */
function certificates({ appId, serviceAccount }: ServerIdentity, keys: readonly PublishedKey[], nowMs: number): object {
  return {
    app_id: appId,
    service_account_name: serviceAccount,
    certificates: keys.map((key) => ({ key_name: key.keyId, x509_certificate_pem: key.certificatePem })),
    timestamp: Math.floor(nowMs) * 1000,
  };
}

function pemOf(keys: readonly PublishedKey[]): string {
  return keys.map(({ certificatePem }) => certificatePem).join("");
}

function jwkOf({ keyId, certificatePem }: PublishedKey): object {
  const { kty, n, e } = new X509Certificate(certificatePem).publicKey.export({ format: "jwk" });
  return { kty, n, e, kid: keyId, alg: "RS256", use: "sig" };
}

/** OpenID Connect Discovery §3, but for what nobody can do here: there are no pages to log in. */
function openIdConfiguration(issuer: string): object {
  return {
    issuer,
    jwks_uri: `${issuer}${JWKS_PATH}`,
    response_types_supported: ["id_token"],
    subject_types_supported: ["public"],
    id_token_signing_alg_values_supported: ["RS256"],
    scopes_supported: ["openid", "email"],
    claims_supported: ["iss", "sub", "aud", "iat", "exp", "email", "email_verified", "act"],
  };
}

function info({ appId, serviceAccount, serviceVersion }: ServerIdentity): object {
  const prefix = `${appId}/`;
  const version = serviceVersion.startsWith(prefix) ? serviceVersion.slice(prefix.length) : serviceVersion;
  return { app_id: appId, app_runtime: "node", app_version: version, service_account_name: serviceAccount };
}

function json(document: object): string {
  return `${JSON.stringify(document)}\n`;
}
