import type { Certificate } from "./certificate.js";
import { isEmptyName, namesMatch } from "./distinguished-name.js";
import { CertificateError, type CertificateErrorCode } from "./errors.js";

/** Certificates from the one in question up to a trusted CA's: each is issued by the next. */
export type CertificatePath = readonly [Certificate, ...Certificate[]];

/** The certificates that a path may be made of. */
export interface IssuerPool {
  /** CAs that are trusted. */
  readonly anchors: readonly Certificate[];
  /** CAs that are not trusted by themselves. */
  readonly intermediates: readonly Certificate[];
}

/** Most certificates in a path. */
const MAX_PATH_LENGTH = 10;

/** Most pairs of a certificate and its issuer that are looked at in a search: the work that a pool may cause. */
const MAX_STEPS = 2000;

/** What a search asks about what it finds; both throw a CertificateError to say no. */
export interface PathJudge<T> {
  /** Did the issuer sign the certificate, and may it? Asked once for each pair. */
  readonly link: (certificate: Certificate, issuer: Certificate) => void;
  /** Is the whole path good? */
  readonly path: (path: CertificatePath) => T;
}

/**
 * Looks for a good path from the certificate up to an anchor, and gives what its judge says about the first. Certificates
 * may be signed crosswise and in circles: none is in a path twice, and the work is bounded. Throws a CertificateError, of
 * all reasons the one that came closest.
 */
export function searchPath<T>(certificate: Certificate, pool: IssuerPool, judge: PathJudge<T>): T {
  const search = new Search(pool, judge);
  const found = search.from([certificate]);
  if (found) return found.verdict;
  throw search.closest ?? new CertificateError("UNKNOWN_CA", "no trusted CA has the issuer's name");
}

/** Which faults are found late: the later, the closer the path was to a good one. */
const LATE: Partial<Record<CertificateErrorCode, number>> = { UNKNOWN_CA: 0, BAD_SIGNATURE: 1 };
const lateness = ({ code }: CertificateError) => LATE[code] ?? 2;

class Search<T> {
  /** Of all reasons the one that came closest; undefined as long as no CA was even tried. */
  closest: CertificateError | undefined;
  readonly #pool: IssuerPool;
  readonly #judge: PathJudge<T>;
  readonly #links = new Map<Certificate, Map<Certificate, boolean>>();
  #steps = MAX_STEPS;

  constructor(pool: IssuerPool, judge: PathJudge<T>) {
    this.#pool = pool;
    this.#judge = judge;
  }

  /** Anchors first: the shorter path is found before the longer. */
  from(path: CertificatePath): { verdict: T } | undefined {
    const last = path.at(-1) ?? path[0];
    for (const anchor of anchorsOf(path, this.#pool.anchors)) {
      const found = this.#isLinked(last, anchor) && this.#try(() => ({ verdict: this.#judge.path([...path, anchor]) }));
      if (found) return found;
    }
    if (path.length + 1 >= MAX_PATH_LENGTH) return undefined;
    for (const issuer of this.#pool.intermediates) {
      if (!isIssuedBy(last, issuer) || path.some((other) => isSame(other, issuer))) continue;
      const found = this.#isLinked(last, issuer) && this.from([...path, issuer]);
      if (found) return found;
    }
    return undefined;
  }

  #isLinked(certificate: Certificate, issuer: Certificate): boolean {
    if (this.#steps-- <= 0) {
      this.closest = new CertificateError("UNKNOWN_CA", "too many ways lead up from the certificate");
      return false;
    }
    const known = this.#links.get(certificate) ?? new Map<Certificate, boolean>();
    this.#links.set(certificate, known);
    const linked = known.get(issuer) ?? this.#try(() => (this.#judge.link(certificate, issuer), true)) !== undefined;
    known.set(issuer, linked);
    return linked;
  }

  #try<R>(ask: () => R): R | undefined {
    try {
      return ask();
    } catch (error) {
      if (!(error instanceof CertificateError)) throw error;
      const { closest } = this;
      if (!closest || closest.code === "UNKNOWN_CA" || lateness(error) > lateness(closest)) this.closest = error;
      return undefined;
    }
  }
}

/** By name; only for the certificate in question itself also by common name alone, as LUCI's server finds CAs. */
function anchorsOf(path: CertificatePath, anchors: readonly Certificate[]): readonly Certificate[] {
  const last = path.at(-1) ?? path[0];
  const named = anchors.filter((anchor) => isIssuedBy(last, anchor));
  if (named.length > 0 || path.length > 1) return named;
  return anchors.filter((anchor) => sharesCommonName(last, anchor));
}

function isIssuedBy({ issuer }: Certificate, { subject }: Certificate): boolean {
  return !isEmptyName(issuer) && namesMatch(issuer, subject);
}

function sharesCommonName({ issuer }: Certificate, { subject }: Certificate): boolean {
  const [name] = issuer.commonNames;
  const areSingle = issuer.commonNames.length === 1 && subject.commonNames.length === 1;
  return name !== undefined && areSingle && subject.commonNames[0] === name;
}

/** The same name with the same key is the same CA, whoever certified it. */
function isSame(a: Certificate, b: Certificate): boolean {
  return Buffer.compare(a.publicKeyInfo, b.publicKeyInfo) === 0 && namesMatch(a.subject, b.subject);
}
