import { create } from "@bufbuild/protobuf";
import type { HandlerContext } from "@connectrpc/connect";
import {
  ErrorCode,
  type MintMachineTokenRequest,
  type MintMachineTokenResponse,
  MintMachineTokenResponseSchema,
} from "@tokens/api";
import { tokenFingerprint } from "@tokens/machine-auth/machine-token";
import { type Certificate, CertificateError } from "@tokens/pki";
import type { TrustedCertificate } from "../certificate-authorities/check-machine-certificate.js";
import { REFERENCE_HEADER, Refusal, refuseToken } from "../errors.js";
import type { Signer } from "../keys/signer.js";
import type { Logger } from "../log.js";
import { peerAddressKey } from "../rpc/peer.js";
import { referenceIdKey } from "../rpc/reference-id.js";
import { grantMachineToken } from "./machine-grant.js";
import { type ProvenRequest, proveRequest } from "./machine-token-request.js";
import { type SignedMachineToken, signMachineToken } from "./sign-machine-token.js";

/** What minting machine tokens needs. */
export interface MachineTokenMinter {
  /** Checks a certificate against its CA; throws a CertificateError. */
  readonly checkCertificate: (certificate: Certificate, nowSeconds: number) => TrustedCertificate;
  readonly signer: Signer;
  /** E-mail that the tokens name as their issuer. */
  readonly serviceAccount: string;
  readonly serviceVersion: string;
  readonly log: Logger;
  /** Unix milliseconds. */
  readonly clock: () => number;
}

/** The RPC MintMachineToken: a refusal by its own error codes travels as a success with `error_code`. */
export function machineTokenRpc(
  minter: MachineTokenMinter,
): (call: MintMachineTokenRequest, context: HandlerContext) => Promise<MintMachineTokenResponse> {
  return async (call, context) => {
    const peer = context.values.get(peerAddressKey);
    try {
      const minted = await mintMachineToken(call, minter);
      minter.log.info({ peer, ...minted.record }, "machine token minted");
      return answer(minted, minter.serviceVersion);
    } catch (error) {
      if (!(error instanceof Refusal) || error.errorCode === undefined) throw error;
      const referenceId = context.values.get(referenceIdKey);
      context.responseHeader.set(REFERENCE_HEADER, referenceId);
      const code = ErrorCode[error.errorCode];
      minter.log.warn({ peer, referenceId, code, detail: error.detail }, "machine token refused");
      return refusedAnswer(error, error.errorCode, minter.serviceVersion, referenceId);
    }
  };
}

interface Minted extends SignedMachineToken {
  readonly record: Record<string, unknown>;
}

async function mintMachineToken(call: MintMachineTokenRequest, minter: MachineTokenMinter): Promise<Minted> {
  const nowMs = minter.clock();
  const proven = proveRequest(call, nowMs);
  // From here on: the caller holds the certificate's key.
  const trusted = requireTrusted(proven, minter, nowMs);
  // From here on: the certificate is trusted.
  const grant = grantMachineToken(trusted);
  const signed = await signMachineToken(grant, minter.serviceAccount, minter.signer, nowMs);
  const record = {
    fingerprint: tokenFingerprint(signed.token),
    machine: grant.fqdn,
    lifetimeSeconds: grant.lifetimeSeconds,
    ca: trusted.ca.commonName,
    serial: proven.certificate.serial.toString(16),
    keyId: minter.signer.keyId,
  };
  return { ...signed, record };
}

/** One public answer for everything that can be wrong with a certificate: it tells strangers nothing about CAs. */
function requireTrusted({ certificate }: ProvenRequest, minter: MachineTokenMinter, nowMs: number): TrustedCertificate {
  try {
    return minter.checkCertificate(certificate, nowMs / 1000);
  } catch (error) {
    if (!(error instanceof CertificateError)) throw error;
    const detail = `${error.code}${error.policy === undefined ? "" : ` (${error.policy})`}: ${error.message}`;
    throw refuseToken(ErrorCode.UNTRUSTED_CERTIFICATE, "invalid or untrusted certificate", detail, error);
  }
}

function answer({ token, expiresAt }: SignedMachineToken, serviceVersion: string): MintMachineTokenResponse {
  const expiry = { seconds: BigInt(expiresAt), nanos: 0 };
  return create(MintMachineTokenResponseSchema, {
    tokenResponse: {
      serviceVersion,
      tokenType: { case: "luciMachineToken", value: { machineToken: token, expiry } },
    },
    serviceVersion,
  });
}

function refusedAnswer(
  refusal: Refusal,
  errorCode: ErrorCode,
  serviceVersion: string,
  referenceId: string,
): MintMachineTokenResponse {
  return create(MintMachineTokenResponseSchema, {
    errorCode,
    errorMessage: refusal.message,
    serviceVersion,
    referenceId,
  });
}
