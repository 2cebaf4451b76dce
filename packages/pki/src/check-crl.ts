import type { Certificate } from "./certificate.js";
import type { Crl, CrlScope } from "./crl-document.js";
import { isEmptyName, namesMatch } from "./distinguished-name.js";
import { type CrlCheckName, CrlError } from "./errors.js";
import { whyKeyMayNotSign } from "./public-key.js";
import { verifySignature } from "./signature.js";

/** How long a list without nextUpdate is in force, in seconds: a week. */
const NO_NEXT_UPDATE_SECONDS = 168 * 3600;

/** How far ahead thisUpdate may be, in seconds: clocks differ. */
const MAX_AHEAD_SECONDS = 300;

/** How long lists are in force. */
export interface CrlTerms {
  /** For how long after nextUpdate, in seconds. Default: 0. */
  readonly graceSeconds?: number | undefined;
  /** For how long after thisUpdate at most, in seconds. Default: as nextUpdate says. */
  readonly maxAgeSeconds?: number | undefined;
}

/**
 * Checks whether a list is one of these CAs, says all there is to say, and is in force: not its entries. Throws a CrlError.
 */
export function checkCrl(crl: Crl, cas: readonly Certificate[], nowSeconds: number, terms: CrlTerms = {}): void {
  findSigner(crl, cas);
  // From here on: the CA made this list.
  requireComplete(crl);
  requireInForce(crl, nowSeconds, terms);
}

/** The CA that made the list and may make lists: by its signature and by its name. Throws a CrlError. */
export function findSigner(crl: Crl, cas: readonly Certificate[]): Certificate {
  requireAlgorithm(crl);
  // RFC 5280 §5.1.2.3: an empty name is nobody's.
  const named = isEmptyName(crl.issuer) ? [] : cas.filter(({ subject }) => namesMatch(subject, crl.issuer));
  const signers = named.filter((ca) => isSignedBy(crl, ca));
  const fit = signers.find((ca) => whyUnfit(ca) === undefined);
  if (fit) return fit;
  const unfitness = signers[0] && whyUnfit(signers[0]);
  if (unfitness) throw unfitness;
  if (cas.some((ca) => isSignedBy(crl, ca)))
    throw new CrlError("PROFILE", "the list names an issuer that is not the CA", "issuer_name");
  throw new CrlError("BAD_SIGNATURE", "the list is not signed by the CA");
}

/** Lists are large: whose they are is found out once. */
const known = new WeakMap<Crl, Map<Certificate, boolean>>();

function isSignedBy(crl: Crl, ca: Certificate): boolean {
  const { signatureAlgorithm, tbs, signature } = crl;
  const answers = known.get(crl) ?? new Map<Certificate, boolean>();
  known.set(crl, answers);
  const answer =
    answers.get(ca) ??
    (signatureAlgorithm !== undefined && verifySignature(signatureAlgorithm, ca.publicKey, tbs, signature));
  answers.set(ca, answer);
  return answer;
}

/** SHA-1 with RSA and with ECDSA: collided, and yet in use for lists. */
const SHA1 = ["1.2.840.113549.1.1.5", "1.2.840.10045.4.1"];

function requireAlgorithm({ signatureAlgorithm, signatureOid }: Crl): void {
  if (signatureAlgorithm) return;
  if (SHA1.includes(signatureOid))
    throw new CrlError("PROFILE", "the list is signed with SHA-1, which can be collided", "signature_algorithm");
  throw new CrlError("BAD_SIGNATURE", "the list is signed with an algorithm that is not allowed");
}

function whyUnfit({ publicKey, keyUsage }: Certificate): CrlError | undefined {
  const weakness = whyKeyMayNotSign(publicKey);
  if (weakness !== undefined) return new CrlError("PROFILE", `the CA has ${weakness}`, "ca_key");
  if (keyUsage?.has("cRLSign") !== false) return undefined;
  return new CrlError("PROFILE", "the CA's key usage does not allow it to sign lists", "key_usage");
}

const SCOPES: Record<Exclude<CrlScope, "complete">, readonly [CrlCheckName, string]> = {
  delta: ["delta", "the list has only what changed since another one"],
  partitioned: ["partitioned", "the list has only a part of what the CA revoked"],
  indirect: ["indirect", "the list speaks for other CAs too"],
};

/** A list that says less than all, or something that is not understood, would un-revoke what it does not say. */
function requireComplete({ scope, unknownCritical }: Crl): void {
  if (scope !== "complete") {
    const [policy, message] = SCOPES[scope];
    throw new CrlError("PROFILE", message, policy);
  }
  if (unknownCritical.length === 0) return;
  const message = `the list has unknown critical extensions: ${unknownCritical.join(", ")}`;
  throw new CrlError("PROFILE", message, "critical_extension");
}

/** Written so that a time that is not a number is never in force. */
function requireInForce(crl: Crl, nowSeconds: number, terms: CrlTerms): void {
  if (!(crl.thisUpdateSeconds <= nowSeconds + MAX_AHEAD_SECONDS))
    throw new CrlError("NOT_YET_VALID", "the list is of a later time", "future_date");
  const due = dueSeconds(crl, terms);
  if (due !== undefined && !(nowSeconds <= due)) throw new CrlError("EXPIRED", "the list's nextUpdate is over");
  if (!(nowSeconds <= crlInForceUntil(crl, terms))) throw new CrlError("EXPIRED", "the list is too old", "max_age");
}

/** The times that a list says. */
type CrlTimes = Pick<Crl, "thisUpdateSeconds" | "nextUpdateSeconds">;

const dueSeconds = ({ nextUpdateSeconds }: CrlTimes, { graceSeconds = 0 }: CrlTerms) =>
  nextUpdateSeconds === undefined ? undefined : nextUpdateSeconds + graceSeconds;

/**
 * The last second, in Unix time, at which a list is in force: nextUpdate and the grace, or a week after thisUpdate where
 * there is no nextUpdate; and no later than its greatest age.
 */
export function crlInForceUntil(crl: CrlTimes, terms: CrlTerms = {}): number {
  const due = dueSeconds(crl, terms) ?? crl.thisUpdateSeconds + NO_NEXT_UPDATE_SECONDS;
  return Math.min(due, crl.thisUpdateSeconds + (terms.maxAgeSeconds ?? Infinity));
}
