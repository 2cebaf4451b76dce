// The library needs this polyfill first, and does not load it itself.
import "reflect-metadata";
import { type KeyObject, randomBytes, type webcrypto } from "node:crypto";
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from "@peculiar/x509";
import { parseCertificate } from "./certificate.js";
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

/** A first byte from 1 to 127: positive, and never shorter than it seems. */
function newSerialNumber(): string {
  return Buffer.concat([Buffer.of(((randomBytes(1)[0] ?? 0) % 127) + 1), randomBytes(15)]).toString("hex");
}

async function sign(
  options: CertificateOptions,
  issuer: string,
  key: KeyObject,
  issuerKey: KeyObject,
  extensions: Extension[],
) {
  const [{ publicKey }, signer] = await Promise.all([importKeyPair(key), importKeyPair(issuerKey)]);
  const certificate = await X509CertificateGenerator.create({
    serialNumber: newSerialNumber(),
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

/** A key that signs certificates, wherever it is: RSASSA-PKCS1-v1_5 with SHA-256. */
export interface CertificateSigner {
  readonly publicKey: KeyObject;
  readonly sign: (bytes: Uint8Array) => Promise<Uint8Array>;
}

const spki = (key: KeyObject) => key.export({ type: "spki", format: "der" });

/** The certificate of a CA that certifies signing keys and no other CA, signed by itself. The result is DER. */
export async function createSigningAuthority(
  authority: CertificateSigner,
  options: Required<CertificateOptions>,
): Promise<Uint8Array> {
  const name = [{ CN: [options.commonName] }];
  return signElsewhere(authority, {
    ...options,
    subject: name,
    issuer: name,
    publicKey: spki(authority.publicKey),
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      await SubjectKeyIdentifierExtension.create(spki(authority.publicKey)),
    ],
  });
}

/**
 * A certificate for a signing key by such a CA, for digital signatures only; with an extended key usage, for nothing but
 * that. The result is DER.
 */
export async function issueSigningCertificate(
  authority: CertificateSigner & { readonly certificate: Uint8Array },
  publicKey: KeyObject,
  options: Required<CertificateOptions> & { readonly extendedKeyUsage?: string | undefined },
): Promise<Uint8Array> {
  const usage = options.extendedKeyUsage;
  return signElsewhere(authority, {
    ...options,
    subject: [{ CN: [options.commonName] }],
    publicKey: spki(publicKey),
    issuer: new X509Certificate(authority.certificate).subjectName,
    extensions: [
      new BasicConstraintsExtension(false),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      ...(usage === undefined ? [] : [new ExtendedKeyUsageExtension([usage])]),
      await SubjectKeyIdentifierExtension.create(spki(publicKey)),
      await AuthorityKeyIdentifierExtension.create(spki(authority.publicKey)),
    ],
  });
}

type Unsigned = Omit<Parameters<typeof X509CertificateGenerator.create>[0], "signingKey" | "signature">;

/** Writes the certificate twice: first to know what is signed, then with the signature. */
async function signElsewhere({ sign }: CertificateSigner, certificate: Unsigned): Promise<Uint8Array> {
  const fields = { ...certificate, serialNumber: newSerialNumber(), signingAlgorithm: ALGORITHM };
  const draft = await X509CertificateGenerator.create({ ...fields, signature: new Uint8Array(1) });
  const { tbs } = parseCertificate(new Uint8Array(draft.rawData));
  const signed = await X509CertificateGenerator.create({ ...fields, signature: new Uint8Array(await sign(tbs)) });
  return new Uint8Array(signed.rawData);
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
