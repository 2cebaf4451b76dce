// The library needs this polyfill first, and does not load it itself.
import "reflect-metadata";
import { type KeyObject, randomBytes, type webcrypto } from "node:crypto";
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectKeyIdentifierExtension,
  X509CertificateGenerator,
} from "@peculiar/x509";
import { generateRsaKey } from "./key-pair.js";

const ALGORITHM = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" };

interface KeyPair {
  readonly privateKey: webcrypto.CryptoKey;
  readonly publicKey: webcrypto.CryptoKey;
}

/** A CA for demonstrations and tests. */
export interface CertificateAuthority {
  readonly commonName: string;
  readonly privateKey: KeyObject;
  /** DER. */
  readonly certificate: Uint8Array;
}

/** What a certificate says; the rest follows from its purpose. */
export interface CertificateOptions {
  readonly commonName: string;
  /** Default: an hour ago. */
  readonly notBefore?: Date;
  /** Default: in 30 days. */
  readonly notAfter?: Date;
}

async function importKeyPair(key: KeyObject): Promise<KeyPair> {
  const pkcs8 = key.export({ type: "pkcs8", format: "der" });
  const privateKey = await crypto.subtle.importKey("pkcs8", pkcs8, ALGORITHM, true, ["sign"]);
  const { kty, n, e } = await crypto.subtle.exportKey("jwk", privateKey);
  const jwk = { kty, n, e } as webcrypto.JsonWebKey;
  return { privateKey, publicKey: await crypto.subtle.importKey("jwk", jwk, ALGORITHM, true, ["verify"]) };
}

const hoursFromNow = (hours: number, clock = Date.now) => new Date(clock() + hours * 3_600_000);

async function sign(
  options: CertificateOptions,
  issuer: string,
  key: KeyObject,
  issuerKey: KeyObject,
  extensions: Extension[],
) {
  const [{ publicKey }, signer] = await Promise.all([importKeyPair(key), importKeyPair(issuerKey)]);
  const certificate = await X509CertificateGenerator.create({
    // A first byte from 1 to 127: positive, and never shorter than it seems.
    serialNumber: Buffer.concat([Buffer.of(((randomBytes(1)[0] ?? 0) % 127) + 1), randomBytes(15)]).toString("hex"),
    subject: [{ CN: [options.commonName] }],
    issuer: [{ CN: [issuer] }],
    notBefore: options.notBefore ?? hoursFromNow(-1),
    notAfter: options.notAfter ?? hoursFromNow(30 * 24),
    signingAlgorithm: ALGORITHM,
    publicKey,
    signingKey: signer.privateKey,
    extensions,
  });
  return new Uint8Array(certificate.rawData);
}

/** A certificate for a signing key, signed with that key itself, for digital signatures only. The result is DER. */
export function createSelfSignedCertificate(
  options: Required<CertificateOptions> & { privateKey: KeyObject },
): Promise<Uint8Array> {
  const { privateKey, commonName } = options;
  return sign(options, commonName, privateKey, privateKey, [
    new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
  ]);
}

/** Makes a CA with a fresh RSA-2048 key, for demonstrations and tests. */
export async function createCertificateAuthority(options: CertificateOptions): Promise<CertificateAuthority> {
  const privateKey = await generateRsaKey();
  const { publicKey } = await importKeyPair(privateKey);
  const certificate = await sign(options, options.commonName, privateKey, privateKey, [
    new BasicConstraintsExtension(true, undefined, true),
    new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
    await SubjectKeyIdentifierExtension.create(publicKey),
  ]);
  return { commonName: options.commonName, privateKey, certificate };
}

/** Makes an RSA-2048 key and a machine's certificate for it, for demonstrations and tests. */
export async function issueMachineCertificate(
  ca: CertificateAuthority,
  options: CertificateOptions,
): Promise<{ privateKey: KeyObject; certificate: Uint8Array }> {
  const privateKey = await generateRsaKey();
  const certificate = await sign(options, ca.commonName, privateKey, ca.privateKey, [
    new BasicConstraintsExtension(false),
    new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
    new ExtendedKeyUsageExtension([ExtendedKeyUsage.clientAuth]),
  ]);
  return { privateKey, certificate };
}

/** PEM of RFC 7468: base64 in lines of 64 characters between a begin and an end line. */
export function toPem(label: string, der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString("base64")
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
}
