import type { KeyObject } from "node:crypto";
import { context, der, implicit, integer, name, sequence, time } from "./der-writer.js";
import { extension, generalName } from "./extension-writer.js";
import { signatureAlgorithm, signed, type SigningHash } from "./make-certificate.js";

/** What a revocation list says. Everything that is left out is made up as for a good list. */
export interface CrlSpec {
  /** 1, 2, or any other number, to be wrong. */
  readonly version?: number;
  /** A common name, or a whole name in DER. */
  readonly issuer: string | Uint8Array;
  readonly signer: KeyObject;
  readonly hash?: SigningHash;
  /** A date, or any element in DER. */
  readonly thisUpdate?: Date | Uint8Array;
  /** Absent if undefined. */
  readonly nextUpdate?: Date | Uint8Array | undefined;
  /** Absent if undefined. */
  readonly number?: bigint | number | undefined;
  readonly revoked?: readonly (bigint | number | Uint8Array)[];
  /** Beside the number. */
  readonly extensions?: readonly Uint8Array[];
}

/** An entry of a list: serial number, date, and extensions. */
export function revokedEntry(serial: bigint | number, ...extensions: readonly Uint8Array[]): Buffer {
  const more = extensions.length > 0 ? [sequence(...extensions)] : [];
  return sequence(integer(serial), time(new Date("2026-01-15T00:00:00Z")), ...more);
}

/** The extension of an entry that says why it was revoked (RFC 5280 §5.3.1); 8 is removeFromCRL. */
export function reasonCode(reason: number): Buffer {
  return extension("2.5.29.21", integer(reason, 0x0a));
}

/** The extension of an entry that names another issuer: the list is an indirect one. */
export function certificateIssuer(commonName: string): Buffer {
  return extension("2.5.29.29", sequence(generalName(`directory:CN=${commonName}`)), true);
}

export function crlNumber(number: bigint | number): Buffer {
  return extension("2.5.29.20", integer(number));
}

/** Makes the list a delta of the list with this number. */
export function deltaIndicator(base: number): Buffer {
  return extension("2.5.29.27", integer(base), true);
}

/** What a partitioned list is about. */
export function issuingDistributionPoint(scope: "url" | "users" | "cas" | "indirect" | "nothing"): Buffer {
  const yes = Buffer.of(0xff);
  const content = {
    url: context(0, context(0, generalName("uri:http://crl.example.com/1.crl"))),
    users: implicit(1, yes),
    cas: implicit(2, yes),
    indirect: implicit(4, yes),
    nothing: Buffer.alloc(0),
  };
  return extension("2.5.29.28", sequence(content[scope]), true);
}

/** Makes a revocation list, right or wrong, in DER. */
export function makeCrl(spec: CrlSpec): Buffer {
  const { version = 2, signer, hash = "sha256", issuer, revoked = [] } = spec;
  const number = "number" in spec ? spec.number : 1;
  const numbers = number === undefined ? [] : [crlNumber(number)];
  const extensions = version === 1 ? [] : [...numbers, ...(spec.extensions ?? [])];
  const nextUpdate = "nextUpdate" in spec ? spec.nextUpdate : new Date("2049-01-01T00:00:00Z");
  const tbs = sequence(
    ...(version === 1 ? [] : [integer(version - 1)]),
    signatureAlgorithm(signer, hash),
    typeof issuer === "string" ? name(`CN=${issuer}`) : issuer,
    timeOf(spec.thisUpdate ?? new Date("2026-01-01T00:00:00Z")),
    ...(nextUpdate === undefined ? [] : [timeOf(nextUpdate)]),
    ...(revoked.length > 0 ? [der(0x30, ...revoked.map(entryOf))] : []),
    ...(extensions.length > 0 ? [context(0, sequence(...extensions))] : []),
  );
  return signed(tbs, signer, hash);
}

const timeOf = (given: Date | Uint8Array) => (given instanceof Date ? time(given) : given);
const entryOf = (given: bigint | number | Uint8Array) => (given instanceof Uint8Array ? given : revokedEntry(given));
