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
}

/** The documents that anybody may read, by path; each call renders one anew. */
export type PublicDocuments = ReadonlyMap<string, () => string>;

const BASE = "/auth/api/v1/server";

/** Where verifiers find the certificates of the signing keys. */
export const CERTIFICATES_PATH: string = `${BASE}/certificates`;

/** The keys that verifiers may trust, by what they sign. */
export type PublishedKeys = (purpose: "tokens" | "jwt" | "ca") => readonly PublishedKey[];

/**
 * LUCI's three JSON documents: the certificates of the signing keys, what server this is, and its OAuth client;
 * the CA to pin; and the keys of JWTs (RFC 7517). Rendering throws Unavailable when the keys are not known.
 */
export function publicDocuments(identity: ServerIdentity, keys: PublishedKeys, clock: () => number): PublicDocuments {
  return new Map([
    [CERTIFICATES_PATH, () => json(certificates(identity, keys("tokens"), clock()))],
    ["/trust/v1/ca.pem", () => pemOf(keys("ca"))],
    ["/.well-known/jwks.json", () => json({ keys: keys("jwt").map(jwkOf) })],
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

function info({ appId, serviceAccount, serviceVersion }: ServerIdentity): object {
  const prefix = `${appId}/`;
  const version = serviceVersion.startsWith(prefix) ? serviceVersion.slice(prefix.length) : serviceVersion;
  return { app_id: appId, app_runtime: "node", app_version: version, service_account_name: serviceAccount };
}

function json(document: object): string {
  return `${JSON.stringify(document)}\n`;
}
