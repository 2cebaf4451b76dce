import type { AuditKind, AuditRecord, StoredCheckpoint } from "./audit-store.js";

/** LUCI's table for each kind of token. */
const TABLES: Partial<Record<AuditKind, string>> = {
  machine: "machine_tokens",
  delegation: "delegation_tokens",
  project: "project_tokens",
  service_account: "service_account_tokens",
};

/** A public key that signs checkpoints. */
export interface AuditKey {
  readonly keyId: string;
  readonly certificatePem: string;
}

/** What a line of an export says. */
export type AuditLine =
  | { readonly type: "export"; readonly sinceMs: number | undefined }
  | { readonly type: "key"; readonly key: AuditKey }
  | { readonly type: "checkpoint"; readonly checkpoint: StoredCheckpoint }
  | { readonly type: "record"; readonly record: AuditRecord };

/** A line that is none of an export. */
export class AuditLineError extends Error {
  override name = "AuditLineError";
}

/** The line that begins a complete export. */
export function exportLine(sinceMs: number | undefined): string {
  return JSON.stringify({ export: { since: sinceMs === undefined ? null : new Date(sinceMs).toISOString() } });
}

export function keyLine({ keyId, certificatePem }: AuditKey): string {
  return JSON.stringify({ key: { key_id: keyId, certificate: certificatePem } });
}

export function checkpointLine({ number, timeMs, body, keyId, signature }: StoredCheckpoint): string {
  const base64 = Buffer.from(signature).toString("base64");
  return JSON.stringify({ checkpoint: { number, time_ms: timeMs, key_id: keyId, body, signature: base64 } });
}

/** A record as a row of LUCI's columns; what LUCI does not know stands under `audit`. */
export function recordLine({ chain, sequence, kind, timeMs, data, previous }: AuditRecord): string {
  const audit = {
    id: `${chain}.${sequence}`,
    kind,
    table: TABLES[kind],
    chain,
    sequence,
    time: new Date(timeMs).toISOString(),
    previous: Buffer.from(previous).toString("hex"),
  };
  // Spliced and not parsed: the columns are signed as they are.
  return `${data.slice(0, -1)}${data === "{}" ? "" : ","}"audit":${JSON.stringify(audit)}}`;
}

/** Reads a line of an export. Throws an AuditLineError. */
export function parseAuditLine(line: string): AuditLine {
  try {
    const { export: header, key, checkpoint, ...row } = JSON.parse(line) as Record<string, Record<string, unknown>>;
    if (header) return { type: "export", sinceMs: header["since"] === null ? undefined : timeOf(header["since"]) };
    if (key) return { type: "key", key: { keyId: text(key["key_id"]), certificatePem: text(key["certificate"]) } };
    if (checkpoint) return { type: "checkpoint", checkpoint: parseCheckpoint(checkpoint) };
    return { type: "record", record: parseRecord(row) };
  } catch (error) {
    const why = error instanceof SyntaxError ? "it is not JSON" : (error as Error).message;
    throw new AuditLineError(`not a line of an audit export: ${why}`, { cause: error });
  }
}

function parseCheckpoint(row: Record<string, unknown>): StoredCheckpoint {
  return {
    number: whole(row["number"]),
    timeMs: whole(row["time_ms"]),
    keyId: text(row["key_id"]),
    body: text(row["body"]),
    signature: Buffer.from(text(row["signature"]), "base64"),
  };
}

function parseRecord({ audit, ...columns }: Record<string, Record<string, unknown>>): AuditRecord {
  if (typeof audit !== "object" || audit === null) throw new TypeError("it has no audit part");
  return {
    chain: text(audit["chain"]),
    sequence: whole(audit["sequence"]),
    kind: text(audit["kind"]) as AuditKind,
    timeMs: timeOf(audit["time"]),
    data: JSON.stringify(columns),
    previous: Buffer.from(text(audit["previous"]), "hex"),
  };
}

function text(value: unknown): string {
  if (typeof value !== "string") throw new TypeError("a text is missing");
  return value;
}

function whole(value: unknown): number {
  if (!Number.isSafeInteger(value)) throw new TypeError("a number is missing");
  return value as number;
}

function timeOf(value: unknown): number {
  const time = Date.parse(text(value));
  if (Number.isNaN(time)) throw new TypeError("a time is missing");
  return time;
}
