import { verify } from "node:crypto";
import { create, fromBinary } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import {
  type MachineTokenBody,
  MachineTokenBodySchema,
  type MachineTokenEnvelope,
  MachineTokenEnvelopeSchema,
  MachineTokenType,
} from "@tokens/api";
import {
  type InspectMachineTokenRequest,
  type InspectMachineTokenResponse,
  InspectMachineTokenResponseSchema,
} from "@tokens/api/admin";
import type { TrustSource } from "@tokens/machine-auth";
import { decodeUnverifiedMachineToken, machineTokenSignedBytes } from "@tokens/machine-auth/machine-token";
import type { CertificateStatus } from "../certificate-authorities/certificate-status.js";
import { refuseCall } from "../errors.js";

/** What inspecting needs. */
export interface MachineTokenInspector {
  /** The server's own signing keys. */
  readonly trust: TrustSource;
  readonly serviceAccount: string;
  /** What the CA with this id says of a serial number (unsigned, big-endian); undefined if no CA ever had the id. */
  readonly statusOf: (caId: bigint, serial: Uint8Array) => Promise<CertificateStatus | undefined>;
  /** Unix milliseconds. */
  readonly clock: () => number;
}

type Findings = Partial<Omit<InspectMachineTokenResponse, "$typeName" | "$unknown">>;

/**
 * The RPC InspectMachineToken: everything about a token, good or bad; each flag is found on its own, and only `valid` needs
 * them all. A token that a strict verifier refuses because of how it is written is not valid.
 */
export function inspectMachineTokenRpc(
  inspector: MachineTokenInspector,
): (request: InspectMachineTokenRequest) => Promise<InspectMachineTokenResponse> {
  return async ({ token, tokenType }) => {
    if (tokenType !== MachineTokenType.UNKNOWN_TYPE && tokenType !== MachineTokenType.LUCI_MACHINE_TOKEN) {
      throw refuseCall(Code.InvalidArgument, `unsupported token type ${MachineTokenType[tokenType] ?? tokenType}`);
    }
    const reasons: string[] = [];
    const findings = await inspect(token, inspector, reasons);
    return create(InspectMachineTokenResponseSchema, { ...findings, invalidityReason: reasons.join("; ") });
  };
}

async function inspect(token: string, inspector: MachineTokenInspector, reasons: string[]): Promise<Findings> {
  const bytes = Buffer.from(token, "base64");
  if (bytes.toString("base64").replace(/=+$/, "") !== token)
    return say(reasons, "not base64 - not unpadded, or not standard");
  // The lenient reader only helps to say what is wrong: it drops a byte order mark, for one, and finds another key's id.
  const strict = attempt(() => decodeUnverifiedMachineToken(token));
  const envelope = strict ?? attempt(() => fromBinary(MachineTokenEnvelopeSchema, bytes));
  if (!envelope) return say(reasons, "can't unmarshal the envelope");
  const body = attempt(() => fromBinary(MachineTokenBodySchema, envelope.tokenBody));
  const keyed: Findings = { signingKeyId: envelope.keyId };
  if (!body) return { ...keyed, ...say(reasons, "can't unmarshal the token body") };
  const nonExpired = isInTime(body, inspector.clock(), reasons);
  const signed = isSigned(envelope, inspector, reasons);
  const tokenType = { case: "luciMachineToken" as const, value: body };
  const known: Findings = { ...keyed, nonExpired, signed, tokenType };
  const status = await inspector.statusOf(body.caId, body.certSn);
  if (!status) return { ...known, ...say(reasons, "no CA with given ID") };
  const isRevokedHere = isInFeed(token, body, inspector);
  const nonRevoked = status.revocation === "not revoked" && !isRevokedHere;
  if (!strict) reasons.push("not in the one form that verifiers take");
  if (status.revocation === "unknown") reasons.push("can't fetch CRL - the CA has no revocation list in force");
  if (signed && nonExpired && status.revocation === "revoked") reasons.push("corresponding cert was revoked");
  if (isRevokedHere) reasons.push("revoked by the revocation feed - `tokens revoked` says by whom");
  return {
    ...known,
    certCaName: status.caName,
    nonRevoked,
    valid: signed && nonExpired && nonRevoked && strict !== undefined,
  };
}

/** Notes a reason; there is nothing more to find out. */
function say(reasons: string[], reason: string): Findings {
  reasons.push(reason);
  return {};
}

function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    // What cannot be read is the finding.
    return undefined;
  }
}

/** Whether verifiers refuse it by what the server publishes as revoked. */
function isInFeed(
  token: string,
  { machineFqdn, caId, certSn }: MachineTokenBody,
  { trust, clock }: MachineTokenInspector,
): boolean {
  const origin = { machineFqdn, caId, certSn: Buffer.from(certSn).toString("hex") };
  return clock() / 1000 < trust.current().revocations.machineTokenUntil(token, origin);
}

/** Without any drift: how long a token counts at verifiers is another question. */
function isInTime({ issuedAt, lifetime }: MachineTokenBody, nowMs: number, reasons: string[]): boolean {
  const nowUs = BigInt(Math.floor(nowMs * 1000));
  const [notBefore, notAfter] = [issuedAt * 1_000_000n, (issuedAt + lifetime) * 1_000_000n];
  const reason =
    lifetime === 0n
      ? "can't extract the token lifespan"
      : nowUs < notBefore
        ? "not active yet"
        : nowUs > notAfter
          ? "expired"
          : undefined;
  if (reason !== undefined) reasons.push(reason);
  return reason === undefined;
}

/** Whose name the body gives is not compared: only the server's own keys count. */
function isSigned(
  { keyId, tokenBody, rsaSha256 }: Pick<MachineTokenEnvelope, "keyId" | "tokenBody" | "rsaSha256">,
  { trust, serviceAccount }: MachineTokenInspector,
  reasons: string[],
): boolean {
  const key = trust.current().issuers.get(serviceAccount)?.get(keyId);
  if (!key) reasons.push("invalid signing key - this server has none with that id");
  else if (verify("sha256", machineTokenSignedBytes(tokenBody), key, rsaSha256)) return true;
  else reasons.push("bad signature - it is not of that key");
  return false;
}
