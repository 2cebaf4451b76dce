import { type DerReader, readBoolean, TAG } from "./der.js";

/** Reads the next element as one Extension (RFC 5280 §4.1): what it is, and its value, still to be read. Throws MalformedInput. */
export function readExtension(list: DerReader): { oid: string; isCritical: boolean; value: DerReader } {
  const extension = list.enter(TAG.sequence, "extension");
  const oid = extension.oid("extension");
  const critical = extension.optional(TAG.boolean, "extension");
  const isCritical = critical !== undefined && readBoolean(critical.content, "extension");
  // X.690 §11.5: a value that is the default is left out.
  if (critical && !isCritical) extension.deviate("extension: a default that is written out");
  const value = extension.enter(TAG.octetString, "extension");
  extension.end("extension");
  return { oid, isCritical, value };
}
