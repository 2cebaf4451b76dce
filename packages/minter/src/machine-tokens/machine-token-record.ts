import { MachineTokenType, SignatureAlgorithm, type MachineTokenRequest } from "@tokens/api";
import { tokenFingerprint } from "@tokens/machine-auth/machine-token";
import type { TrustedCertificate } from "../certificate-authorities/check-machine-certificate.js";
import type { CallFacts } from "../rpc/call-facts.js";
import type { MachineGrant } from "./machine-grant.js";
import type { SignedMachineToken } from "./sign-machine-token.js";

/** What a record of a machine token is made of. */
export interface MintedMachineToken {
  readonly request: MachineTokenRequest;
  readonly trusted: TrustedCertificate;
  readonly grant: MachineGrant;
  readonly signed: SignedMachineToken;
  readonly configRevision: string;
}

/** The row of LUCI's table machine_tokens: tokenserver.bq.MachineToken by its column names. Never the token itself. */
export function machineTokenColumns(minted: MintedMachineToken, facts: CallFacts): Record<string, unknown> {
  const { request, trusted, grant, signed, configRevision } = minted;
  return {
    fingerprint: tokenFingerprint(signed.token),
    machine_fqdn: grant.fqdn,
    token_type: MachineTokenType[request.tokenType] ?? "UNKNOWN_TYPE",
    issued_at: timestamp(signed.issuedAt),
    expiration: timestamp(signed.expiresAt),
    cert_serial_number: trusted.certificate.serial.toString(),
    signature_algorithm: SignatureAlgorithm[request.signatureAlgorithm] ?? "UNKNOWN_ALGO",
    ca_common_name: trusted.ca.commonName,
    ca_config_rev: configRevision,
    ...facts,
    ...(grant.audience.length > 0 && { audience: grant.audience }),
  };
}

function timestamp(seconds: number): string {
  return `${new Date(seconds * 1000).toISOString().slice(0, -".000Z".length)}Z`;
}
