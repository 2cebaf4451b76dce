import { type KeyObject, X509Certificate } from "node:crypto";
import { AuditLineError, parseAuditLine } from "./audit-line.js";
import { type AuditReport, AuditVerifier } from "./verify-audit.js";

/** How an export is verified. */
export interface VerifyExportOptions {
  readonly nowMs: number;
  /** Ids of the keys that may have signed checkpoints. Default: the keys that the export names. */
  readonly trustedKeyIds?: readonly string[];
}

/** What a verification of an export came to. */
export interface ExportReport extends AuditReport {
  /** Ids of the keys whose checkpoints were believed. */
  readonly keys: readonly string[];
}

/**
 * Verifies a complete export, line by line, without the store. Rejects with an AuditLineError for a line that is none, and
 * for an export that leaves kinds of records out.
 */
export async function verifyAuditExport(
  lines: AsyncIterable<string>,
  options: VerifyExportOptions,
): Promise<ExportReport> {
  const keys = new Map<string, KeyObject>();
  let verifier: AuditVerifier | undefined;
  for await (const line of lines) {
    const parsed = parseAuditLine(line);
    if (parsed.type === "export") {
      const { sinceMs } = parsed;
      verifier = new AuditVerifier({ keys, nowMs: options.nowMs, ...(sinceMs === undefined ? {} : { sinceMs }) });
      continue;
    }
    if (!verifier)
      throw new AuditLineError("the export is not complete: only one that was made without kinds can be verified");
    if (parsed.type === "key") addKey(keys, parsed.key, options.trustedKeyIds);
    else if (parsed.type === "checkpoint") verifier.checkpoint(parsed.checkpoint);
    else verifier.record(parsed.record);
  }
  if (!verifier) throw new AuditLineError("the export is empty");
  return { ...verifier.report(), keys: [...keys.keys()] };
}

function addKey(
  keys: Map<string, KeyObject>,
  { keyId, certificatePem }: { keyId: string; certificatePem: string },
  trusted: readonly string[] | undefined,
): void {
  if (trusted && !trusted.includes(keyId)) return;
  keys.set(keyId, new X509Certificate(certificatePem).publicKey);
}
