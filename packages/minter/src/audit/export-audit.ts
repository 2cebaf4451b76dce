import { setTimeout as sleep } from "node:timers/promises";
import { type AuditKey, checkpointLine, exportLine, keyLine, recordLine } from "./audit-line.js";
import type { AuditRecord, AuditStore, StoredCheckpoint } from "./audit-store.js";

/** What is exported. */
export interface ExportAuditOptions {
  /** Records from this time on, Unix milliseconds. Default: from the first. */
  readonly sinceMs?: number;
  /** Only records of these kinds; none means all, and then with everything that is needed to verify the export. */
  readonly kinds?: readonly string[];
  /** Ends the export. With it, the export goes on with new records as they come. */
  readonly follow?: AbortSignal;
}

/** Records that are read together. */
const PAGE = 500;

/** How often to look for new records, in milliseconds. */
const FOLLOW_MS = 1_000;

/** The lines of an export, page by page: NDJSON, oldest record first. Rejects with StorageUnavailable. */
export async function* exportAudit(
  store: AuditStore,
  keys: readonly AuditKey[],
  options: ExportAuditOptions = {},
): AsyncGenerator<string[]> {
  const { sinceMs, kinds = [], follow } = options;
  const isWhole = kinds.length === 0;
  const wanted = ({ kind }: AuditRecord) => isWhole || kinds.includes(kind);
  if (isWhole) yield [exportLine(sinceMs), ...keys.map(keyLine)];
  const reader = await PageReader.open(store, sinceMs ?? 0);
  for (let page = await reader.next(); page; page = await reader.next()) {
    const checkpoints = isWhole ? await reader.newCheckpoints() : [];
    yield [...checkpoints.map(checkpointLine), ...page.filter(wanted).map(recordLine)];
  }
  if (isWhole) yield (await reader.newCheckpoints()).map(checkpointLine);
  while (follow && !follow.aborted) {
    for await (const page of reader.sinceThen()) yield page.filter(wanted).map(recordLine);
    await sleep(FOLLOW_MS, undefined, { signal: follow }).catch(() => undefined);
  }
}

/** Reads records in the order of time, and knows which it has read. */
class PageReader {
  readonly #store: AuditStore;
  readonly #seen = new Map<string, number>();
  #after: Pick<AuditRecord, "timeMs" | "chain" | "sequence">;
  #checkpoint = 0;

  private constructor(store: AuditStore, sinceMs: number) {
    this.#store = store;
    this.#after = { timeMs: sinceMs, chain: "", sequence: 0 };
  }

  /** A reader from a time on; chains that ended before count as read. */
  static async open(store: AuditStore, sinceMs: number): Promise<PageReader> {
    const reader = new PageReader(store, sinceMs);
    for (const { chain, sequence, timeMs } of await store.heads()) {
      if (timeMs < sinceMs) reader.#seen.set(chain, sequence);
    }
    return reader;
  }

  /** The next records; undefined at the end. */
  async next(): Promise<readonly AuditRecord[] | undefined> {
    const page = await this.#store.records(this.#after, PAGE);
    const last = page.at(-1);
    if (!last) return undefined;
    this.#after = last;
    for (const { chain, sequence } of page) this.#seen.set(chain, sequence);
    return page;
  }

  /** The checkpoints that were not read yet. Asked after each page, so that what was cut off before it is known. */
  async newCheckpoints(): Promise<StoredCheckpoint[]> {
    const all: StoredCheckpoint[] = [];
    for (;;) {
      const page = await this.#store.checkpoints(this.#checkpoint, PAGE);
      const last = page.at(-1);
      if (!last) return all;
      this.#checkpoint = last.number;
      all.push(...page);
    }
  }

  /** What came since: chain by chain, since a record may commit after one with a later time. */
  async *sinceThen(): AsyncGenerator<readonly AuditRecord[]> {
    for (const { chain } of await this.#store.heads()) {
      for (let page = await this.#more(chain); page.length > 0; page = await this.#more(chain)) yield page;
    }
  }

  async #more(chain: string): Promise<readonly AuditRecord[]> {
    const page = await this.#store.chainRecords(chain, this.#seen.get(chain) ?? 0, PAGE);
    const last = page.at(-1);
    if (last) this.#seen.set(chain, last.sequence);
    return page;
  }
}
