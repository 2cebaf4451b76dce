import type { Certificate } from "./certificate.js";
import type { CertificateTrust, RevocationCheck } from "./certificate-trust.js";
import { checkListSigner } from "./check-certificate.js";
import { checkCrl, type CrlTerms, findSigner } from "./check-crl.js";
import type { Crl } from "./crl-document.js";
import { namesMatch } from "./distinguished-name.js";
import { CertificateError, CrlError } from "./errors.js";
import type { CertificatePath } from "./path-search.js";
import type { SerialIndex } from "./serial-index.js";

/** A revocation list and what it revokes. */
export interface IndexedCrl {
  readonly crl: Crl;
  readonly serials: SerialIndex;
}

/**
 * Judges by revocation lists whether certificates are revoked. A certificate needs a complete list of its issuer that is
 * in force; any list that its issuer signed can revoke it, also one that is too old or says less than all. Lists may be
 * signed with another key of the issuer, if that is certified under the same trusted CA.
 */
export function revocationByLists(
  lists: readonly IndexedCrl[],
  trust: CertificateTrust,
  nowSeconds: number,
  terms: CrlTerms = {},
): RevocationCheck {
  return new ListJudge(lists, trust, nowSeconds, terms).check;
}

/** Most certificates that are looked at as possible signers of lists: the work that a pool may cause. */
const MAX_SIGNERS = 100;

class ListJudge {
  /** Signers whose own path is being looked at: they vouch for nothing yet. */
  readonly #open = new Set<Certificate>();
  readonly #lists: readonly IndexedCrl[];
  readonly #trust: CertificateTrust;
  readonly #nowSeconds: number;
  readonly #terms: CrlTerms;
  #signersLeft = MAX_SIGNERS;

  constructor(lists: readonly IndexedCrl[], trust: CertificateTrust, nowSeconds: number, terms: CrlTerms) {
    this.#lists = lists;
    this.#trust = trust;
    this.#nowSeconds = nowSeconds;
    this.#terms = terms;
  }

  readonly check: RevocationCheck = (path) => {
    const [{ issuer, serialMagnitude, serial }] = path;
    let fault: CrlError | undefined;
    let isCovered = false;
    for (const { crl, serials } of this.#lists.filter(({ crl: list }) => namesMatch(list.issuer, issuer))) {
      const signers = this.#signersOf(path);
      const refusal = refusalOf(() => findSigner(crl, signers));
      if (!refusal && serials.has(serialMagnitude))
        throw new CertificateError("REVOKED", `certificate ${serial.toString(16)} has been revoked`);
      const notInForce = refusal ?? refusalOf(() => checkCrl(crl, signers, this.#nowSeconds, this.#terms));
      if (!notInForce) isCovered = true;
      // Of the issuer's own lists it says more than of those that somebody else signed.
      else if (fault === undefined || fault.code === "BAD_SIGNATURE") fault = notInForce;
    }
    if (isCovered) return;
    const reason = fault?.message ?? "there is no revocation list of its issuer";
    throw new CertificateError("CRL_NOT_READY", `no revocation list covers a certificate: ${reason}`);
  };

  /** The certificates of the issuer: in the path, trusted by themselves, or with a good path to the same trusted CA. */
  #signersOf(path: CertificatePath): Certificate[] {
    const [{ issuer }, ...above] = path;
    const isIssuer = ({ subject }: Certificate) => namesMatch(subject, issuer);
    const known = [...above, ...this.#trust.anchors].filter(isIssuer);
    const others = this.#trust.intermediates.filter((other) => isIssuer(other) && !known.includes(other));
    return [...known, ...others.filter((other) => this.#isCertified(other, path.at(-1)))];
  }

  #isCertified(signer: Certificate, anchor: Certificate | undefined): boolean {
    if (this.#open.has(signer) || this.#signersLeft-- <= 0) return false;
    this.#open.add(signer);
    const anchors = anchor ? [anchor] : [];
    try {
      checkListSigner(signer, { ...this.#trust, anchors, revocation: this.check }, this.#nowSeconds);
      return true;
    } catch (error) {
      if (!(error instanceof CertificateError)) throw error;
      return false;
    } finally {
      this.#open.delete(signer);
    }
  }
}

function refusalOf(check: () => unknown): CrlError | undefined {
  try {
    check();
    return undefined;
  } catch (error) {
    if (!(error instanceof CrlError)) throw error;
    return error;
  }
}
