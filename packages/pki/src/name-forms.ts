import { type DistinguishedName, isEmptyName, isWithin } from "./distinguished-name.js";
import type { GeneralName } from "./general-name.js";

/** A name that a certificate gives its subject. */
export type SubjectName = GeneralName;

const EMAIL_ADDRESS = "1.2.840.113549.1.9.1";

/** A host name or part of one: labels of letters, digits, '-' and '_'. */
const HOST = /^[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*$/;

/** What of a certificate gives its subject names. */
interface Named {
  readonly subject: DistinguishedName;
  readonly alternativeNames?: readonly GeneralName[] | undefined;
}

/**
 * The names that constraints look at: the subject, the alternative names, and e-mail addresses in the subject. RFC 5280
 * demands the last only where there are no alternative names; but who reads them there does not ask for others first.
 */
export function namesOf({ subject, alternativeNames = [] }: Named): SubjectName[] {
  const names = [...alternativeNames, ...emailsIn(subject)];
  if (!isEmptyName(subject)) names.push({ form: "directory", name: subject });
  return names;
}

/** Common names that are host names. Of a machine's certificate they count: they are what its tokens are made of. */
export function hostNamesOf({ subject: { commonNames } }: Named): SubjectName[] {
  const hosts = commonNames.filter((commonName) => commonName.includes(".") && HOST.test(commonName.toLowerCase()));
  return hosts.map((value) => ({ form: "dns", value }));
}

function emailsIn({ relativeNames }: DistinguishedName): SubjectName[] {
  const addresses = relativeNames.flat().filter(({ type }) => type === EMAIL_ADDRESS);
  return addresses.map(({ value }) => ({ form: "email", value }));
}

/** Why a base is no constraint by RFC 5280 §4.2.1.10; undefined if it is one. */
export function whyNoConstraint(base: GeneralName): string | undefined {
  const reason = `a constraint of form ${base.form} that is not one`;
  if (base.form === "dns") return base.value === "" || HOST.test(lower(base.value)) ? undefined : reason;
  if (base.form === "uri") return HOST.test(withoutDot(base.value)) ? undefined : reason;
  if (base.form === "email") return isMailConstraint(base.value) ? undefined : reason;
  if (base.form === "ip") return isNetwork(base.bytes) ? undefined : reason;
  return undefined;
}

const lower = (text: string) => text.toLowerCase();
const withoutDot = (text: string) => lower(text.replace(/^\./, ""));

function isMailConstraint(value: string): boolean {
  const parts = splitMailbox(value);
  return value.includes("@") ? parts !== undefined : HOST.test(withoutDot(value));
}

/** An address and a mask of as many bits, ones before zeros. */
function isNetwork(bytes: Uint8Array): boolean {
  if (bytes.length !== 8 && bytes.length !== 32) return false;
  const mask = [...bytes.subarray(bytes.length / 2)].map((byte) => byte.toString(2).padStart(8, "0")).join("");
  return /^1*0*$/.test(mask);
}

/**
 * Whether a name is in the subtree of a base of the same form. A name that cannot be read is in no permitted subtree and
 * in every excluded one; so is every name of a form that is not supported.
 */
export function within(name: SubjectName, base: GeneralName, direction: "permitted" | "excluded"): boolean {
  const unclear = direction === "excluded";
  if (name.form === "dns" && base.form === "dns") return dnsWithin(lower(name.value), lower(base.value), unclear);
  if (name.form === "uri" && base.form === "uri") return uriWithin(name.value, lower(base.value), unclear);
  if (name.form === "email" && base.form === "email") return emailWithin(name.value, base.value, unclear);
  if (name.form === "ip" && base.form === "ip") return ipWithin(name.bytes, base.bytes, unclear);
  if (name.form === "directory" && base.form === "directory") return isWithin(name.name, base.name);
  return unclear;
}

const isSubdomain = (name: string, domain: string) => domain === "" || name === domain || name.endsWith(`.${domain}`);

/** A wildcard stands for all names below its domain, so it is excluded where any of these is. */
function dnsWithin(name: string, base: string, unclear: boolean): boolean {
  const host = name.startsWith("*.") ? name.slice(2) : name;
  if (!HOST.test(host)) return unclear;
  return isSubdomain(host, base) || (unclear && host !== name && isSubdomain(base, host));
}

/** A base with a leading dot means hosts below the domain, one without means this very host. */
function hostWithin(host: string, base: string): boolean {
  return base.startsWith(".") ? host.endsWith(base) : host === base;
}

/** RFC 3986 §3.2: scheme, user, host, port. A user with a backslash would be a host to readers that take it for a slash. */
const URI = /^[a-z][a-z0-9+.-]*:\/\/(?:[a-z0-9._~!$&'()*+,;=:%-]*@)?([^/?#@:[\]]+)(?::\d*)?(?:[/?#]|$)/i;

function uriWithin(uri: string, base: string, unclear: boolean): boolean {
  const authority = URI.exec(uri)?.[1];
  const host = authority && lower(authority);
  if (host === undefined || !HOST.test(host) || /^[\d.]+$/.test(host)) return unclear;
  return hostWithin(host, base);
}

/** RFC 2821 §4.1.2: the part before the at sign is words with dots between them, or anything in quotes. */
const MAILBOX =
  /^(?:([a-z0-9!#$%&'*+\-/=?^_`{|}~]+(?:\.[a-z0-9!#$%&'*+\-/=?^_`{|}~]+)*)|"((?:[ !#-[\]-~]|\\[ -~])*)")@([^@]*)$/i;

function splitMailbox(address: string): { local: string; host: string } | undefined {
  const [, words, quoted = "", host = ""] = MAILBOX.exec(address) ?? [];
  return HOST.test(lower(host)) ? { local: words ?? quoted.replace(/\\(.)/g, "$1"), host: lower(host) } : undefined;
}

/** The part before the at sign is compared exactly, the host without regard to case. */
function emailWithin(address: string, base: string, unclear: boolean): boolean {
  const mailbox = splitMailbox(address);
  if (!mailbox) return unclear;
  const exact = splitMailbox(base);
  if (exact) return mailbox.host === exact.host && mailbox.local === exact.local;
  return hostWithin(mailbox.host, lower(base));
}

function ipWithin(address: Uint8Array, base: Uint8Array, unclear: boolean): boolean {
  if (address.length !== 4 && address.length !== 16) return unclear;
  const size = base.length / 2;
  if (address.length !== size) return false;
  return address.every((byte, index) => ((byte ^ (base[index] ?? 0)) & (base[size + index] ?? 0)) === 0);
}
