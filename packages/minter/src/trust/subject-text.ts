import type { RevokedSubject } from "@tokens/machine-auth";

/** What is revoked as one word: a fingerprint, a name, the id of a CA, or that and a serial number with a colon between. */
export function subjectText(subject: RevokedSubject): string {
  if (subject.kind === "token") return subject.fingerprint;
  if (subject.kind === "machine") return subject.fqdn;
  if (subject.kind === "ca") return String(subject.caId);
  return `${subject.caId}:${subject.certSn}`;
}

/** Reads what `subjectText` has written. */
export function readSubject(kind: RevokedSubject["kind"], text: string): RevokedSubject {
  if (kind === "token") return { kind, fingerprint: text };
  if (kind === "machine") return { kind, fqdn: text };
  if (kind === "ca") return { kind, caId: BigInt(text) };
  const colon = text.indexOf(":");
  return { kind, caId: BigInt(text.slice(0, colon)), certSn: text.slice(colon + 1) };
}
