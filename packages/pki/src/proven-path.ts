import type { Certificate } from "./certificate.js";
import type { CertificateTrust, CheckedCertificate } from "./certificate-trust.js";

/** What was found out about a certificate, and for how long only revocation can change it. */
class Proof {
  constructor(
    readonly checked: CheckedCertificate,
    readonly policy: CertificateTrust["policy"],
    readonly isRevocationChecked: boolean,
    /** Within these seconds, in Unix time, every certificate of the path is valid. */
    readonly fromSeconds: number,
    readonly untilSeconds: number,
  ) {}
}

/**
 * The path by which a certificate was found to be good before, as long as all that it rests on is still so: the same
 * policy, certificates that are trusted and valid now. Whether one of them was revoked meanwhile is not looked at here.
 */
export function provenPath(
  leaf: Certificate,
  trust: CertificateTrust,
  nowSeconds: number,
): CheckedCertificate | undefined {
  const proof = leaf.memory.found;
  if (!(proof instanceof Proof) || proof.policy !== trust.policy) return undefined;
  if (proof.isRevocationChecked !== (trust.revocation !== undefined)) return undefined;
  // Written so that a time that is not a number is never within.
  if (!(proof.fromSeconds <= nowSeconds && nowSeconds <= proof.untilSeconds)) return undefined;
  return isOf(leaf, proof.checked) && isTrusted(proof.checked, trust) ? proof.checked : undefined;
}

/** Keeps what was found out, unless dates play a part in it that a policy overlooks. */
export function keepProof(
  leaf: Certificate,
  trust: CertificateTrust,
  checked: CheckedCertificate,
  nowSeconds: number,
): void {
  let fromSeconds = -Infinity;
  let untilSeconds = Infinity;
  for (const { notBeforeSeconds, notAfterSeconds } of checked.path) {
    fromSeconds = Math.max(fromSeconds, notBeforeSeconds);
    untilSeconds = Math.min(untilSeconds, notAfterSeconds);
  }
  if (!(fromSeconds <= nowSeconds && nowSeconds <= untilSeconds)) return;
  const isRevocationChecked = trust.revocation !== undefined;
  leaf.memory.found = new Proof(checked, trust.policy, isRevocationChecked, fromSeconds, untilSeconds);
}

/** A changed copy of a certificate shares the memory, but not what was proven. */
function isOf(leaf: Certificate, { path }: CheckedCertificate): boolean {
  return path[0] === leaf;
}

function isTrusted({ path }: CheckedCertificate, { anchors, intermediates }: CertificateTrust): boolean {
  const top = path.length - 1;
  for (let index = 1; index < top; index++) if (!includes(intermediates, path[index])) return false;
  return includes(anchors, path[top]);
}

const includes = (pool: readonly Certificate[], certificate: Certificate | undefined) =>
  certificate !== undefined && pool.includes(certificate);
