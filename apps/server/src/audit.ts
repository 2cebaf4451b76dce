import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { createClient } from "@connectrpc/connect";
import { Operator } from "@tokens/api/admin";
import { AuditLineError, exportAudit, type ExportReport, verifyAuditExport } from "@tokens/minter";
import { connectTo } from "./admin-client.js";
import { EXIT, UsageError } from "./exit-code.js";
import { openStorage } from "./open-storage.js";
import { parseTime } from "./rfc3339.js";

/** What the audit commands were asked. */
export interface AuditSource {
  readonly server?: string;
  readonly storage?: string;
  readonly export?: string;
  readonly since?: string;
  readonly kind?: string[];
  readonly key?: string[];
  readonly json?: true;
}

/** Prints the log, or the part of it that was asked for. */
export async function printAudit(source: AuditSource): Promise<void> {
  await print(linesFromServer(source));
}

/** Prints new records as they come, until the process is told to stop. */
export async function followAudit(source: AuditSource): Promise<void> {
  const stop = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stop.abort());
  const since = source.since ?? new Date().toISOString();
  await print(linesFromServer({ ...source, since }, stop.signal)).catch((error: unknown) => {
    if (!stop.signal.aborted) throw error;
  });
}

/** Verifies the log and reports; the exit code. */
export async function verifyAudit(source: AuditSource): Promise<number> {
  const options = { nowMs: Date.now(), ...(source.key ? { trustedKeyIds: source.key } : {}) };
  try {
    const report = await verifyAuditExport(linesOf(source), options);
    process.stdout.write(`${source.json ? JSON.stringify({ ok: isGood(report), ...report }) : sentences(report)}\n`);
    return isGood(report) ? EXIT.ok : EXIT.no;
  } catch (error) {
    if (error instanceof AuditLineError) throw new UsageError(error.message, { cause: error });
    throw error;
  }
}

function isGood({ findings }: ExportReport): boolean {
  return findings.length === 0;
}

function sentences({ findings, records, chains, checkpoints, keys }: ExportReport): string {
  const size = `${records} records in ${chains} chains, ${checkpoints} checkpoints by ${keys.join(", ") || "nobody"}`;
  const lines = findings.map(({ code, message, chain }) => `${code}  ${chain ? `chain ${chain}: ` : ""}${message}`);
  return [...lines, findings.length === 0 ? `good: ${size}` : `NOT good: ${size}`].join("\n");
}

function linesOf(source: AuditSource): AsyncIterable<string> {
  if (source.export === "-") return createInterface({ input: process.stdin });
  if (source.export !== undefined) return linesOfFile(source.export);
  return source.storage === undefined ? linesFromServer(source) : linesFromStorage(source.storage);
}

async function* linesOfFile(path: string): AsyncGenerator<string> {
  const input = createReadStream(path);
  const failed = new Promise<never>((_, reject) => {
    input.on("error", (error) => reject(new UsageError(`cannot read ${path}: ${error.message}`)));
  });
  await Promise.race([failed, new Promise((resolve) => input.once("open", resolve))]);
  failed.catch(() => undefined);
  yield* createInterface({ input });
}

async function* linesFromStorage(place: string): AsyncGenerator<string> {
  const storage = await openStorage(place, ".");
  try {
    for await (const lines of exportAudit(storage.audit, await storage.keys.list("audit"))) yield* lines;
  } finally {
    await storage.close();
  }
}

async function* linesFromServer(
  { server, since, kind = [] }: AuditSource,
  follow?: AbortSignal,
): AsyncGenerator<string> {
  const client = createClient(Operator, connectTo(server));
  const from = since === undefined ? {} : { since: timestampFromMs(parseTime(since, "since")) };
  const request = { ...from, kinds: kind, follow: follow !== undefined };
  for await (const { lines } of client.exportAudit(request, follow ? { signal: follow } : {})) yield* lines;
}

/** Waits while whoever reads is slower. */
async function print(lines: AsyncIterable<string>): Promise<void> {
  for await (const line of lines) {
    if (!process.stdout.write(`${line}\n`)) await new Promise((resolve) => process.stdout.once("drain", resolve));
  }
}
