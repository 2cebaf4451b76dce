import type { KeyObject } from "node:crypto";
import { basicConstraints, extendedKeyUsage, keyUsage } from "./extension-writer.js";
import { type CertificateSpec, makeCertificate, makeKey } from "./make-certificate.js";
import { type CrlSpec, makeCrl } from "./make-crl.js";

/** A certificate and its key. */
export interface Issued {
  readonly certificate: Buffer;
  readonly privateKey: KeyObject;
}

type Changes = Partial<CertificateSpec> & { readonly privateKey?: KeyObject };

/** A CA for tests; what it issues is good unless it is told otherwise. */
export class TestCa implements Issued {
  readonly subject: string | Uint8Array;
  readonly privateKey: KeyObject;
  readonly certificate: Buffer;

  private constructor(subject: string | Uint8Array, { certificate, privateKey }: Issued) {
    this.subject = subject;
    this.privateKey = privateKey;
    this.certificate = certificate;
  }

  /** Makes a CA that vouches for itself. */
  static create(subject: string | Uint8Array, changes: Changes = {}): TestCa {
    const privateKey = changes.privateKey ?? makeKey();
    return new TestCa(subject, sealCa(subject, subject, privateKey, privateKey, changes));
  }

  /** Makes a CA below this one. */
  intermediate(subject: string | Uint8Array, changes: Changes = {}): TestCa {
    const privateKey = changes.privateKey ?? makeKey();
    return new TestCa(subject, sealCa(subject, this.subject, privateKey, this.privateKey, changes));
  }

  /** Makes a machine's certificate. */
  issue(subject: string | Uint8Array, changes: Changes = {}): Issued {
    const { privateKey = makeKey(), ...spec } = changes;
    const extensions = [basicConstraints(false), keyUsage("digitalSignature"), extendedKeyUsage("clientAuth")];
    const all = { subject, issuer: this.subject, publicKey: privateKey, signer: this.privateKey, extensions, ...spec };
    return { privateKey, certificate: makeCertificate(all) };
  }

  /** Makes a revocation list. */
  crl(changes: Partial<CrlSpec> = {}): Buffer {
    return makeCrl({ issuer: this.subject, signer: this.privateKey, ...changes });
  }
}

function sealCa(
  subject: string | Uint8Array,
  issuer: string | Uint8Array,
  privateKey: KeyObject,
  signer: KeyObject,
  changes: Changes,
): Issued {
  const extensions = [basicConstraints(true), keyUsage("keyCertSign", "cRLSign")];
  const certificate = makeCertificate({ subject, issuer, publicKey: privateKey, signer, extensions, ...changes });
  return { privateKey, certificate };
}
