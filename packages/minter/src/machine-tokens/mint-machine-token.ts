import { create } from "@bufbuild/protobuf";
import type { HandlerContext } from "@connectrpc/connect";
import {
  ErrorCode,
  type MintMachineTokenRequest,
  type MintMachineTokenResponse,
  MintMachineTokenResponseSchema,
} from "@tokens/api";
import { type Certificate, CertificateError } from "@tokens/pki";
import type { TrustedCertificate } from "../certificate-authorities/check-machine-certificate.js";
import { REFERENCE_HEADER, Refusal, refuseToken } from "../errors.js";
import type { Signer } from "../keys/signer.js";
import type { Recorder } from "../audit/recorder.js";
import { callFacts, refusalEntry } from "../rpc/call-facts.js";
import { peerAddressKey } from "../rpc/peer.js";
import { referenceIdKey } from "../rpc/reference-id.js";
import type { CertificateCache } from "./certificate-cache.js";
import { grantMachineToken } from "./machine-grant.js";
import { machineTokenColumns } from "./machine-token-record.js";
import { type ProvenRequest, proveRequest } from "./machine-token-request.js";
import { checkRequest, type RequestChecks, requireUnused } from "./request-checks.js";
import { type SignedMachineToken, signMachineToken } from "./sign-machine-token.js";

/** What minting machine tokens needs. */
export interface MachineTokenMinter extends RequestChecks {
  /** Checks a certificate against its CA; throws a CertificateError. */
  readonly checkCertificate: (certificate: Certificate, nowSeconds: number) => TrustedCertificate;
  /** Why a machine that its CA vouches for must have no token all the same; undefined if it may. Throws Unavailable. */
  readonly whyRevoked: (trusted: TrustedCertificate, nowSeconds: number) => string | undefined;
  /** Certificates that were trusted lately. */
  readonly certificates: CertificateCache;
  /** What signs now. Throws Unavailable. */
  readonly signer: () => Signer;
  /** Counts a request of a certificate's machine. Throws Unavailable when it asks too often. */
  readonly admitCertificate: (certificate: Certificate) => void;
  /** Whether any CA takes signatures of EC keys. */
  readonly mayBeEc: () => boolean;
  /** E-mail that the tokens name as their issuer. */
  readonly serviceAccount: string;
  readonly serviceVersion: string;
  /** Revision of the policy in force. */
  readonly configRevision: () => string;
  readonly recorder: Recorder;
  /** Unix milliseconds. */
  readonly clock: () => number;
}

/** How far a call got. */
interface Progress {
  /** Set from where on the certificate is trusted, so that a refusal is one of a known machine. */
  trusted?: TrustedCertificate;
}

const METHOD = "MintMachineToken";

/** One text for everything that can be wrong with a certificate. */
const UNTRUSTED = "invalid or untrusted certificate";

/** The RPC MintMachineToken: a refusal by its own error codes travels as a success with `error_code`. */
export function machineTokenRpc(
  minter: MachineTokenMinter,
): (call: MintMachineTokenRequest, context: HandlerContext) => Promise<MintMachineTokenResponse> {
  return async (call, context) => {
    const progress: Progress = {};
    try {
      const signed = await mintMachineToken(call, context, minter, progress);
      minter.metrics.count("tokens_minted_total", { kind: "machine" });
      return answer(signed, minter.serviceVersion);
    } catch (error) {
      if (!(error instanceof Refusal) || error.errorCode === undefined) throw error;
      reportRefusal(error, error.errorCode, context, minter, progress);
      const referenceId = context.values.get(referenceIdKey).text;
      context.responseHeader.set(REFERENCE_HEADER, referenceId);
      return refusedAnswer(error, error.errorCode, minter.serviceVersion, referenceId);
    }
  };
}

async function mintMachineToken(
  call: MintMachineTokenRequest,
  context: HandlerContext,
  minter: MachineTokenMinter,
  progress: Progress,
): Promise<SignedMachineToken> {
  const nowMs = minter.clock();
  const { certificates } = minter;
  const proven = proveRequest(call, nowMs, minter.mayBeEc, (der) => certificates.read(der));
  // From here on: the caller holds the certificate's key.
  minter.admitCertificate(proven.certificate);
  const trusted = requireTrusted(proven, minter, nowMs);
  progress.trusted = trusted;
  requireNotRevoked(trusted, minter, nowMs);
  report(trusted, minter);
  // From here on: the certificate is trusted.
  certificates.remember(proven.certificate);
  checkRequest(proven.request, trusted.ca, minter);
  const grant = grantMachineToken(trusted, proven.request.audience);
  const [signed] = await Promise.all([
    signMachineToken(grant, minter.serviceAccount, minter.signer(), nowMs),
    requireUnused(proven.request, trusted.ca, minter),
  ]);
  // From here on: the request is used up.
  const minted = { request: proven.request, trusted, grant, signed, configRevision: minter.configRevision() };
  const facts = callFacts({ values: context.values, headers: context.requestHeader }, minter.serviceVersion);
  const columns = machineTokenColumns(minted, facts);
  await minter.recorder.record({ kind: "machine", columns });
  // From here on: the token is on record, and may leave.
  minter.log.info({ ...columns, keyId: signed.keyId }, "machine token minted");
  return signed;
}

/** Checks that fail and are only reported: who would fail if they were enforced. */
function report({ ca, certificate, reports }: TrustedCertificate, { log, metrics }: MachineTokenMinter): void {
  for (const { policy: check, message } of reports) {
    metrics.count("tokens_certificate_reports_total", { ca: ca.commonName, check });
    const serial = certificate.serial.toString(16);
    log.warn({ ca: ca.commonName, serial, check, failure: message }, "certificate fails a check that is only reported");
  }
}

/** Strangers are counted; who came with a trusted certificate gets a record of its own. */
function reportRefusal(
  refusal: Refusal,
  errorCode: ErrorCode,
  context: HandlerContext,
  { log, metrics, recorder, serviceVersion, configRevision }: MachineTokenMinter,
  { trusted }: Progress,
): void {
  const { values, requestHeader: headers } = context;
  const reason = ErrorCode[errorCode] ?? String(errorCode);
  const peer = values.get(peerAddressKey);
  log.warn(
    { peer, referenceId: values.get(referenceIdKey).text, code: reason, detail: refusal.detail },
    "machine token refused",
  );
  metrics.count("tokens_refused_total", { method: METHOD, reason });
  if (!trusted) return recorder.count(METHOD, reason, peer);
  const machine = {
    ca_common_name: trusted.ca.commonName,
    cert_serial_number: trusted.certificate.serial.toString(),
    policy_revision: configRevision(),
  };
  recorder.note(refusalEntry({ values, headers, method: METHOD, reason, refusal }, serviceVersion, machine));
}

/** One public answer for everything that can be wrong with a certificate: it tells strangers nothing about CAs. */
function requireTrusted({ certificate }: ProvenRequest, minter: MachineTokenMinter, nowMs: number): TrustedCertificate {
  try {
    return minter.checkCertificate(certificate, nowMs / 1000);
  } catch (error) {
    if (!(error instanceof CertificateError)) throw error;
    const detail = `${error.code}${error.policy === undefined ? "" : ` (${error.policy})`}: ${error.message}`;
    throw refuseToken(ErrorCode.UNTRUSTED_CERTIFICATE, UNTRUSTED, detail, error);
  }
}

/** By the operators, who may revoke a machine or a CA whatever the CA itself says. Strangers get the same answer. */
function requireNotRevoked(trusted: TrustedCertificate, { whyRevoked }: MachineTokenMinter, nowMs: number): void {
  const reason = whyRevoked(trusted, nowMs / 1000);
  if (reason !== undefined) throw refuseToken(ErrorCode.UNTRUSTED_CERTIFICATE, UNTRUSTED, `REVOKED: ${reason}`);
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
