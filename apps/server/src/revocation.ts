import { timestampDate, timestampFromMs } from "@bufbuild/protobuf/wkt";
import { createClient } from "@connectrpc/connect";
import { Operator, type RevocationEntry } from "@tokens/api/admin";
import { connectTo } from "./admin-client.js";
import { UsageError } from "./exit-code.js";
import { parseTime } from "./rfc3339.js";

/** What the commands that revoke were asked. */
export interface RevocationOptions {
  readonly server?: string;
  readonly reason?: string;
  readonly until?: string;
  readonly kind?: string;
  readonly json?: true;
}

/** Revokes a machine by its name, and prints the entry. */
export async function revokeMachine(fqdn: string, options: RevocationOptions): Promise<void> {
  const { entry } = await operator(options).revokeMachine({ fqdn, ...termsOf(options) });
  if (entry) print(entry, options);
}

/** Ends the revocation of a machine, and prints the entries that are gone. */
export async function unrevokeMachine(fqdn: string, options: RevocationOptions): Promise<void> {
  const { entries } = await operator(options).unrevokeMachine({ fqdn });
  for (const entry of entries) print(entry, options);
}

/** Revokes one token, and prints the entry. */
export async function revokeToken(fingerprint: string, options: RevocationOptions): Promise<void> {
  if (!/^[0-9a-fA-F]{32}$/.test(fingerprint)) {
    throw new UsageError("a fingerprint is 32 hex digits, as in the audit log; it is not the token itself");
  }
  const { entry } = await operator(options).revokeToken({ fingerprint, ...termsOf(options) });
  if (entry) print(entry, options);
}

/** Revokes a CA, and prints the entries. */
export async function revokeCa(cn: string, options: RevocationOptions): Promise<void> {
  const { entries } = await operator(options).revokeCA({ cn, reason: options.reason ?? "" });
  for (const entry of entries) print(entry, options);
}

/** Prints what is revoked. */
export async function listRevoked(options: RevocationOptions): Promise<void> {
  const { entries } = await operator(options).listRevocations({ kind: options.kind ?? "" });
  for (const entry of entries) print(entry, options);
}

function operator({ server }: RevocationOptions) {
  return createClient(Operator, connectTo(server));
}

function termsOf({ reason = "", until }: RevocationOptions) {
  return { reason, ...(until === undefined ? {} : { until: timestampFromMs(parseTime(until, "until")) }) };
}

function print(entry: RevocationEntry, { json }: RevocationOptions): void {
  const { number, kind, subject, reason, revokedBy } = entry;
  const until = entry.until ? timestampDate(entry.until).toISOString() : null;
  const revokedAt = entry.revokedAt ? timestampDate(entry.revokedAt).toISOString() : null;
  const row = { number: Number(number), kind, subject, until, reason, revokedBy, revokedAt };
  const sentence = `${kind.padEnd(11)}  ${subject}  until ${until ?? "for ever"}  by ${revokedBy} at ${revokedAt}  ${reason}`;
  process.stdout.write(`${json ? JSON.stringify(row) : sentence.trimEnd()}\n`);
}
