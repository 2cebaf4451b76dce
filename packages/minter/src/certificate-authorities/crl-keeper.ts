import { crlInForceUntil, type CrlTerms, SerialIndex } from "@tokens/pki/crl";
import type { Logger } from "../log.js";
import type { Metrics } from "../metrics.js";
import { addedSerials, countDropped, MAX_ADDED_SERIALS } from "./added-serials.js";
import type { ListSource, TrustedCa } from "./ca-policy.js";
import type { RevocationList, RevocationLists } from "./check-machine-certificate.js";
import { whyOlder } from "./crl-order.js";
import type { CrlCheck, CrlHead, CrlStore, NewlyRevoked } from "./crl-store.js";
import { CrlRefused } from "./crl-errors.js";
import { CrlThread, PART_BYTES, type ReadCrl } from "./crl-thread.js";

/** How often a list is compared anew with what others have put in place meanwhile. */
const MAX_TRIES = 20;

/** What keeping lists needs. */
export interface CrlKeeperParts {
  readonly store: CrlStore;
  readonly terms: CrlTerms;
  /** Most bytes of a list. */
  readonly maxBytes: number;
  /** What is known of the tokens of a CA's machines. */
  readonly tokensOf: (caName: string) => Promise<CaTokens>;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** Unix milliseconds. */
  readonly clock: () => number;
}

/** What is known of the tokens of a CA's machines. */
export interface CaTokens {
  /** The ids of the CA that may stand in them. */
  readonly caIds: readonly bigint[];
  /** Whether there may be some that were minted before there was any revocation list. */
  readonly mayPrecedeLists: boolean;
}

/** How long a token may live on after its certificate was found to be revoked, in seconds: a day, and slow servers. */
const LAST_TOKEN_SECONDS = 86_400 + 3_600;

/** A list in memory. */
export interface KeptList extends RevocationList {
  readonly head: CrlHead;
  readonly serials: SerialIndex;
}

/**
 * The revocation lists that this server knows, in memory, so that a mint reads no table. What is in the storage decides:
 * a list gets in only in place of the one that it was compared with, and here only later ones replace earlier ones.
 */
export class CrlKeeper implements RevocationLists {
  readonly #parts: CrlKeeperParts;
  readonly #lists = new Map<string, KeptList>();
  #checks = new Map<string, CrlCheck>();

  constructor(parts: CrlKeeperParts) {
    this.#parts = parts;
  }

  find(listId: string): KeptList | undefined {
    return this.#lists.get(listId);
  }

  /** How it went when the server of the list was last asked. */
  checkOf(listId: string): CrlCheck | undefined {
    return this.#checks.get(listId);
  }

  whyNone(listId: string): string {
    const { failure = "", failedAtMs = 0 } = this.#checks.get(listId) ?? {};
    const until = this.#lists.get(listId)?.inForceUntilSeconds;
    const state = until === undefined ? "none was ever taken" : `it was over at ${timeText(until * 1000)}`;
    return failure === "" ? state : `${state}; the fetch at ${timeText(failedAtMs)} failed: ${failure}`;
  }

  /** Gets what other servers, or this one before a restart, have taken. A list that cannot be read holds up no other. */
  async refresh(): Promise<void> {
    const { store } = this.#parts;
    const [heads, checks] = await Promise.all([store.heads(), store.checks()]);
    this.#checks = new Map(checks.map((check) => [check.listId, check]));
    const failures: unknown[] = [];
    // One after another: each is read in a thread that takes three times its size.
    for (const head of heads) await this.#follow(head).catch((error: unknown) => failures.push(error));
    if (failures.length > 0) throw failures[0];
  }

  async #follow(head: CrlHead): Promise<void> {
    const known = this.#lists.get(head.listId)?.head;
    if (known?.version !== head.version || known.digest !== head.digest) await this.#load(head);
    else if (known.etag !== head.etag) this.#install(head, this.#lists.get(head.listId)?.serials);
  }

  /**
   * Takes a list that was read in a thread, unless it is older than the one in place. Rejects with CrlRefused; `same` means
   * that it is in place already.
   */
  async take(
    ca: TrustedCa,
    source: ListSource,
    thread: Pick<CrlThread, "finish" | "parts">,
    etag: string,
  ): Promise<"taken" | "same"> {
    const read = await thread.finish();
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const current = this.#lists.get(source.listId);
      if (current?.head.digest === read.digest) {
        if (current.head.etag !== etag) await this.#rename(current, etag);
        return "same";
      }
      if (current) await this.#requireNewer(read, current, source);
      const head = headOf(source, read, etag, current?.head.version ?? 0, this.#parts.clock());
      const revoked = await this.#newlyRevoked(ca, read, current);
      if ((await this.#parts.store.take(head, thread.parts(), revoked)) === "taken") {
        this.#install(head, new SerialIndex(read.parts));
        this.#report(head, current, read);
        this.#reportRevoked(ca, revoked);
        return "taken";
      }
      await this.refresh();
    }
    throw new Error("other servers keep taking lists of the same CA");
  }

  async noteChecked(listId: string): Promise<void> {
    const atMs = this.#parts.clock();
    this.#checks.set(listId, { listId, checkedAtMs: atMs, failedAtMs: undefined, failure: "" });
    await this.#parts.store.noteChecked(listId, atMs);
  }

  async noteFailed(listId: string, failure: string): Promise<void> {
    const atMs = this.#parts.clock();
    const checkedAtMs = this.#checks.get(listId)?.checkedAtMs;
    this.#checks.set(listId, { listId, checkedAtMs, failedAtMs: atMs, failure });
    await this.#parts.store.noteFailed(listId, atMs, failure);
  }

  /** Starts to read a list of this issuer. */
  read(source: ListSource, nowSeconds: number = this.#parts.clock() / 1000): CrlThread {
    const { terms, maxBytes } = this.#parts;
    const kept = this.#lists.get(source.listId);
    const before = kept && { digest: kept.head.digest, parts: kept.serials.parts };
    const issuers = source.issuers.map(({ der }) => der);
    return new CrlThread({ issuers, nowSeconds, terms, maxBytes, before });
  }

  /** A first list takes nothing back where no token can be older than it: without a list none is minted. */
  async #newlyRevoked(
    { commonName }: TrustedCa,
    read: ReadCrl,
    current: KeptList | undefined,
  ): Promise<NewlyRevoked | undefined> {
    const { caIds, mayPrecedeLists } = await this.#parts.tokensOf(commonName);
    if (!current && !mayPrecedeLists) return undefined;
    const isCompared = current?.head.digest === read.addedTo;
    const certSns = isCompared ? read.added : addedSerials(new SerialIndex(read.parts), current?.serials);
    return { caIds, certSns, until: Math.ceil(this.#parts.clock() / 1000) + LAST_TOKEN_SECONDS };
  }

  /** What the feed cannot say, an operator has to. */
  #reportRevoked({ commonName: ca, intermediates }: TrustedCa, revoked: NewlyRevoked | undefined): void {
    if (!revoked) return;
    const { log } = this.#parts;
    if (revoked.certSns.length >= MAX_ADDED_SERIALS) {
      log.error({ ca }, "more certificates were revoked at once than the revocation feed takes: revoke the CA");
    }
    const serials = new Set(revoked.certSns);
    for (const { serialMagnitude, subject } of intermediates) {
      const serial = Buffer.from(serialMagnitude).toString("hex");
      if (!serials.has(serial)) continue;
      const fields = { ca, serial, intermediate: subject.commonNames[0] };
      log.error(fields, "a CA below was revoked: tokens of its machines live until they expire, or the CA is revoked");
    }
  }

  /** Lists of one CA only are put in order: one that was built anew under the same name begins its numbers again. */
  async #requireNewer(read: ReadCrl, current: KeptList, source: ListSource): Promise<void> {
    const isTie = read.thisUpdateSeconds === current.head.thisUpdateSeconds;
    const reason = whyOlder(read, current.head, isTie ? droppedFrom(current, read) : 0);
    if (reason === undefined || (await this.#isForeign(current.head, source))) return;
    throw new CrlRefused(`the list is not taken: ${reason}`, "ROLLBACK");
  }

  /** Whether a list in place was signed by none of the keys that its CA has now. */
  async #isForeign(head: CrlHead, source: ListSource): Promise<boolean> {
    const thread = this.read(source, head.thisUpdateSeconds);
    try {
      if (!(await this.#writeParts(head, thread))) return false;
      await thread.finish();
      return false;
    } catch (error) {
      if (error instanceof CrlRefused) return error.code === "BAD_SIGNATURE";
      throw error;
    } finally {
      await thread.stop();
    }
  }

  async #rename({ head, serials }: KeptList, etag: string): Promise<void> {
    await this.#parts.store.setEtag(head, etag);
    this.#install({ ...head, etag }, serials);
  }

  /** Only later ones replace earlier ones. */
  #install(head: CrlHead, serials: SerialIndex | undefined): void {
    const current = this.#lists.get(head.listId);
    if (!serials || (current && current.head.version > head.version)) return;
    const inForceUntilSeconds = crlInForceUntil(head, this.#parts.terms);
    this.#lists.set(head.listId, { head, serials, inForceUntilSeconds, has: (serial) => serials.has(serial) });
    this.#parts.metrics.set("tokens_crl_in_force_until_seconds", inForceUntilSeconds, { list: head.listId });
    this.#parts.metrics.set("tokens_crl_entries", head.entries, { list: head.listId });
  }

  /** The storage has only lists that were checked when they were taken; that they are whole is checked again. */
  async #load(head: CrlHead): Promise<void> {
    const thread = new CrlThread({ kept: head.digest, maxBytes: this.#parts.maxBytes });
    try {
      // If not, the next refresh gets the list that was taken meanwhile.
      if (!(await this.#writeParts(head, thread))) return;
      const { parts } = await thread.finish();
      this.#install(head, new SerialIndex(parts));
    } finally {
      await thread.stop();
    }
  }

  /** Gives a thread a list of the storage; false if another one was taken in its place while it was read. */
  async #writeParts(head: CrlHead, thread: CrlThread): Promise<boolean> {
    for (let index = 0; index < head.parts; index++) {
      const part = await this.#parts.store.part(head, index);
      if (!part) return false;
      thread.write(part);
    }
    return true;
  }

  #report(head: CrlHead, before: KeptList | undefined, { dropped }: ReadCrl): void {
    const { log } = this.#parts;
    const fields = { list: head.listId, number: head.number?.toString(), entries: head.entries };
    log.info({ ...fields, thisUpdate: timeText(head.thisUpdateSeconds * 1000) }, "revocation list taken");
    if (!before || dropped === 0) return;
    log.warn({ ...fields, dropped }, "the new revocation list lacks certificates that the one before revoked");
  }
}

const timeText = (ms: number) => new Date(ms).toISOString().replace(".000Z", "Z");

/** How many certificates a list no longer revokes. Its thread has counted them, unless another server was faster. */
function droppedFrom({ head, serials }: KeptList, read: ReadCrl): number {
  return read.addedTo === head.digest ? read.dropped : countDropped(serials, new SerialIndex(read.parts));
}

function headOf({ listId }: ListSource, read: ReadCrl, etag: string, version: number, takenAtMs: number): CrlHead {
  const { digest, number, thisUpdateSeconds, nextUpdateSeconds, parts } = read;
  const kept = { entries: parts.count, parts: Math.ceil(read.bytes / PART_BYTES) };
  return {
    listId,
    version: version + 1,
    thisUpdateSeconds,
    nextUpdateSeconds,
    number,
    digest,
    etag,
    takenAtMs,
    ...kept,
  };
}
