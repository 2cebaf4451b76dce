import { tokenFingerprint } from "./machine-token.js";

/** What a revocation takes away: one token, or every token of a machine, of a certificate, or of a CA's machines. */
export type RevokedSubject =
  | { readonly kind: "token"; readonly fingerprint: string }
  | { readonly kind: "machine"; readonly fqdn: string }
  | { readonly kind: "certificate"; readonly caId: bigint; readonly certSn: string }
  | { readonly kind: "ca"; readonly caId: bigint };

/** One revocation. */
export interface Revocation {
  readonly subject: RevokedSubject;
  /** Unix seconds: from then on it counts no more. Infinity: for ever. */
  readonly until: number;
}

/** Whose revocation would end a machine token. */
export interface MachineTokenOrigin {
  readonly machineFqdn: string;
  readonly caId: bigint;
  readonly certSn: string;
}

const NEVER = Number.NEGATIVE_INFINITY;

/** The revocations that are known, ready to be asked. It never changes. */
export class Revocations {
  readonly #tokens = new Map<string, number>();
  readonly #machines = new Map<string, number>();
  readonly #certificates = new Map<string, number>();
  readonly #cas = new Map<bigint, number>();

  constructor(revocations: Iterable<Revocation>) {
    for (const { subject, until } of revocations) {
      if (subject.kind === "token") extend(this.#tokens, subject.fingerprint, until);
      else if (subject.kind === "machine") extend(this.#machines, subject.fqdn, until);
      else if (subject.kind === "ca") extend(this.#cas, subject.caId, until);
      else extend(this.#certificates, certificateKey(subject), until);
    }
  }

  /** Until when a token with this text is revoked by itself, in Unix seconds; -Infinity if it never was. */
  tokenUntil(token: string): number {
    return this.#tokens.size === 0 ? NEVER : (this.#tokens.get(tokenFingerprint(token)) ?? NEVER);
  }

  /** Until when a machine token is revoked, whatever took it away. */
  machineTokenUntil(token: string, origin: MachineTokenOrigin): number {
    return Math.max(this.tokenUntil(token), this.machineUntil(origin));
  }

  /** Until when every token of this origin is revoked. Empty lists, the usual case, cost nothing. */
  machineUntil(origin: MachineTokenOrigin): number {
    let until = NEVER;
    if (this.#machines.size > 0) until = Math.max(until, this.#machines.get(origin.machineFqdn) ?? NEVER);
    if (this.#cas.size > 0) until = Math.max(until, this.#cas.get(origin.caId) ?? NEVER);
    if (this.#certificates.size > 0) {
      until = Math.max(until, this.#certificates.get(certificateKey(origin)) ?? NEVER);
    }
    return until;
  }
}

/** Of two revocations of the same thing the longer counts. */
function extend<K>(map: Map<K, number>, key: K, until: number): void {
  map.set(key, Math.max(until, map.get(key) ?? NEVER));
}

/** The number ends at the colon, so that no two certificates share a key. */
function certificateKey({ caId, certSn }: { readonly caId: bigint; readonly certSn: string }): string {
  return `${caId}:${certSn}`;
}
