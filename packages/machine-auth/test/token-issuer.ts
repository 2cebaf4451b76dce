import { createHash, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { createSelfSignedCertificate, toPem } from "@tokens/pki/x509";
import {
  BEARER_DELEGATION_TOKEN,
  encodeDelegationToken,
  encodeSubtoken,
  type Subtoken,
} from "../src/delegation-token.js";
import { encodeMachineToken, encodeMachineTokenBody, type MachineTokenBody } from "../src/machine-token.js";
import type { Trust } from "../src/trust.js";
import { trustFromDocument } from "../src/trust-document.js";

/** When the tokens of these tests are made, in Unix seconds. */
export const ISSUED_AT = 1_780_315_200;

/** What the delegation tokens of these tests say. */
export const SUBTOKEN: Subtoken = {
  delegatedIdentity: "user:alice@example.com",
  creationTime: ISSUED_AT,
  validityDuration: 3600,
  subtokenId: 77n,
  audience: ["bot:host-1.example.com", "group:backends"],
  services: ["service:files"],
  requestorIdentity: "user:robot@example.com",
  kind: BEARER_DELEGATION_TOKEN,
  tags: ["k:v"],
};

/** Somebody who signs tokens and publishes a certificate. */
export interface TokenIssuer {
  readonly keyId: string;
  readonly privateKey: KeyObject;
  /** DER. */
  readonly certificate: Uint8Array;
  /** The JSON that a token server publishes. */
  readonly document: string;
  readonly trust: Trust;
  readonly body: (changes?: Partial<MachineTokenBody>) => MachineTokenBody;
  readonly token: (changes?: Partial<MachineTokenBody>) => string;
  /** A token with a signature of the right length, that names any key. */
  readonly tokenWithKeyId: (body: MachineTokenBody, keyId: string) => string;
  /** A well-signed token around any bytes. */
  readonly tokenOf: (tokenBody: Uint8Array) => string;
  readonly delegation: (changes?: Partial<Subtoken>) => string;
  /** A well-signed delegation token around any bytes. */
  readonly delegationOf: (serializedSubtoken: Uint8Array) => string;
}

/** Makes an issuer with a new RSA-2048 key. */
export async function makeTokenIssuer(account = "minter@example.com"): Promise<TokenIssuer> {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const certificate = await certificateOf(privateKey);
  const keyId = createHash("sha256").update(certificate).digest("hex").slice(0, 40);
  const document = certificatesDocument(account, [{ name: keyId, pem: toPem("CERTIFICATE", certificate) }]);
  const body = (changes: Partial<MachineTokenBody> = {}): MachineTokenBody => ({
    machineFqdn: "host-1.example.com",
    issuedBy: account,
    issuedAt: ISSUED_AT,
    lifetime: 3600,
    caId: 42n,
    certSn: "1001",
    audience: [],
    ...changes,
  });
  const tokenOf = (tokenBody: Uint8Array) =>
    encodeMachineToken({ tokenBody, keyId, rsaSha256: sign("sha256", tokenBody, privateKey) });
  const someSignature = sign("sha256", Buffer.of(), privateKey);
  const tokenWithKeyId = (said: MachineTokenBody, key: string) =>
    encodeMachineToken({ tokenBody: encodeMachineTokenBody(said), keyId: key, rsaSha256: someSignature });
  const token = (changes?: Partial<MachineTokenBody>) => tokenOf(encodeMachineTokenBody(body(changes)));
  const delegationOf = (serializedSubtoken: Uint8Array) =>
    encodeDelegationToken({
      signerId: `user:${account}`,
      signingKeyId: keyId,
      pkcs1Sha256Sig: sign("sha256", serializedSubtoken, privateKey),
      serializedSubtoken,
    });
  const delegation = (changes: Partial<Subtoken> = {}) => delegationOf(encodeSubtoken({ ...SUBTOKEN, ...changes }));
  const trust = trustFromDocument(document);
  return {
    keyId,
    privateKey,
    certificate,
    document,
    trust,
    body,
    token,
    tokenOf,
    tokenWithKeyId,
    delegation,
    delegationOf,
  };
}

/** The JSON that a token server publishes for these certificates. */
export function certificatesDocument(account: string, keys: readonly { name: string; pem: string }[]): string {
  const certificates = keys.map(({ name, pem }) => ({ key_name: name, x509_certificate_pem: pem }));
  return JSON.stringify({ service_account_name: account, certificates, timestamp: ISSUED_AT * 1_000_000 });
}

/** A self-signed certificate in PEM for a private key. */
export async function certificatePemOf(privateKey: KeyObject): Promise<string> {
  return toPem("CERTIFICATE", await certificateOf(privateKey));
}

function certificateOf(privateKey: KeyObject): Promise<Uint8Array> {
  const [notBefore, notAfter] = [new Date("2026-01-01T00:00:00Z"), new Date("2036-01-01T00:00:00Z")];
  return createSelfSignedCertificate({ privateKey, commonName: "Signer", notBefore, notAfter });
}
