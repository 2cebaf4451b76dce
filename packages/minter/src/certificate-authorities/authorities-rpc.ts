import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Code, type ServiceImpl } from "@connectrpc/connect";
import { type CertificateAuthorities, type CRLStatus, CRLStatusSchema } from "@tokens/api/admin";
import { type Certificate, CertificateError, MalformedInput, parseCertificatePem } from "@tokens/pki";
import { refuseCall, Unavailable } from "../errors.js";
import type { AuthorityStore } from "./authority-store.js";
import type { CaPolicy } from "./ca-policy.js";
import { revocationIn } from "./certificate-status.js";
import { isInForce } from "./check-machine-certificate.js";
import { CrlForbidden, CrlRefused, CrlUnreachable } from "./crl-errors.js";
import type { CrlFetcher } from "./crl-fetcher.js";
import type { CrlKeeper } from "./crl-keeper.js";
import { findAuthority, type KnownAuthority } from "./known-authorities.js";
import { readSerialText, serialBytes } from "./serial-text.js";

/** What the RPCs of CertificateAuthorities need. */
export interface AuthoritiesRpcParts {
  readonly store: AuthorityStore;
  readonly policy: () => CaPolicy;
  readonly keeper: CrlKeeper;
  readonly fetcher: CrlFetcher;
  /** The check that minting makes; throws a CertificateError. */
  readonly checkCertificate: (certificate: Certificate, nowSeconds: number) => void;
  /** Unix milliseconds. */
  readonly clock: () => number;
}

/** The RPCs of CertificateAuthorities. */
export function authoritiesRpc(parts: AuthoritiesRpcParts): ServiceImpl<typeof CertificateAuthorities> {
  const { store, policy, keeper, fetcher, clock } = parts;
  const known = async (commonName: string): Promise<KnownAuthority> => {
    const authority = await findAuthority(store, commonName);
    if (!authority) throw refuseCall(Code.NotFound, `no such CA: ${JSON.stringify(commonName)}`);
    return authority;
  };
  return {
    fetchCRL: async ({ cn, force }) => {
      const { ca } = await known(cn);
      for (const list of ca.lists) await orRpcError(fetcher.renew(ca, list, force ? "in any case" : "if changed"));
      return ca.config.crlUrl === "" ? {} : { crlStatus: statusOf(keeper, cn) };
    },
    listCAs: () => ({ cn: [...policy().keys()].toSorted() }),
    getCAStatus: async ({ cn }) => {
      const authority = await findAuthority(store, cn);
      if (!authority) return {};
      const { ca, stored } = authority;
      return {
        config: ca.config,
        cert: ca.files[ca.config.certPath] ?? "",
        removed: stored.removedRevision !== "",
        ready: ca.config.crlUrl !== "" && isInForce(keeper.find(cn), clock() / 1000),
        addedRev: stored.addedRevision,
        updatedRev: stored.updatedRevision,
        removedRev: stored.removedRevision,
        crlStatus: statusOf(keeper, cn),
      };
    },
    isRevokedCert: async ({ ca: cn, sn }) => {
      const serial = readSerialText(sn);
      if (serial === undefined)
        throw refuseCall(
          Code.InvalidArgument,
          "sn must be a decimal number, or hexadecimal after 0x, without leading zeros",
        );
      const { lists } = (await known(cn)).ca;
      const nowSeconds = clock() / 1000;
      const status = lists.length === 0 ? "unknown" : revocationIn(lists, keeper, serialBytes(serial), nowSeconds);
      if (status !== "unknown") return { revoked: status === "revoked" };
      const missing = lists.filter(({ listId }) => !isInForce(keeper.find(listId), nowSeconds));
      const why = missing.map(({ listId }) => `${listId}: ${keeper.whyNone(listId)}`).join("; ");
      throw new Unavailable("no revocation list of this CA is in force", why || "the CA has none");
    },
    checkCertificate: ({ certPem }) => verdictOn(readPem(certPem), parts),
  };
}

function readPem(pem: string): Certificate {
  try {
    return parseCertificatePem(pem);
  } catch (error) {
    if (!(error instanceof MalformedInput)) throw error;
    throw refuseCall(Code.InvalidArgument, `can't parse 'cert-pem' - ${error.message}`);
  }
}

function verdictOn(certificate: Certificate, { checkCertificate, clock }: AuthoritiesRpcParts) {
  try {
    checkCertificate(certificate, clock() / 1000);
    return { isValid: true };
  } catch (error) {
    if (!(error instanceof CertificateError)) throw error;
    const code = error.policy === undefined ? error.code : `${error.code} (${error.policy})`;
    return { isValid: false, invalidReason: `${code}: ${error.message}` };
  }
}

/** Operators may read what was wrong. LUCI's server answers UNKNOWN for a list that it does not take. */
async function orRpcError(fetching: Promise<unknown>): Promise<void> {
  try {
    await fetching;
  } catch (error) {
    if (error instanceof CrlUnreachable)
      throw new Unavailable(`can't fetch CRL: ${error.message}`, error.message, error);
    if (error instanceof CrlRefused || error instanceof CrlForbidden)
      throw refuseCall(Code.Unknown, `bad CRL: ${error.message}`, error.message, error);
    throw error;
  }
}

function statusOf(keeper: CrlKeeper, listId: string): CRLStatus {
  const list = keeper.find(listId);
  const check = keeper.checkOf(listId);
  const checked = check?.checkedAtMs === undefined ? {} : { lastCheckTime: timestampFromMs(check.checkedAtMs) };
  const failed = { ...checked, lastFailure: check?.failure ?? "" };
  if (!list) return create(CRLStatusSchema, failed);
  const { head, inForceUntilSeconds } = list;
  return create(CRLStatusSchema, {
    lastUpdateTime: timestampFromMs(head.thisUpdateSeconds * 1000),
    lastFetchTime: timestampFromMs(head.takenAtMs),
    lastFetchEtag: head.etag,
    revokedCertsCount: BigInt(head.entries),
    inForceUntil: timestampFromMs(inForceUntilSeconds * 1000),
    crlNumber: head.number === undefined ? "" : String(head.number),
    ...failed,
  });
}
