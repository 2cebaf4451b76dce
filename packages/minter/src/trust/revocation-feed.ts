import type { MachineIdentity } from "@tokens/machine-auth";
import { Revocations } from "@tokens/machine-auth/trust-bundle";
import { Unavailable } from "../errors.js";
import type { Job } from "../jobs/leased-jobs.js";
import type { Logger } from "../log.js";
import type { Metrics } from "../metrics.js";
import { type Feed, type FeedEntry, type FeedStore, MAX_LISTED_ENTRIES, type NewRevocation } from "./feed-store.js";
import type { PublishedKey } from "./public-documents.js";
import { type FeedSettings, requireNotBehind } from "./published-number.js";
import { subjectText } from "./subject-text.js";

/** What the feed needs. */
export interface RevocationFeedParts extends FeedSettings {
  readonly store: FeedStore;
  /** The keys that verifiers may trust, as this server knows them. Throws Unavailable. */
  readonly keys: () => readonly PublishedKey[];
  /** Reads those keys anew. */
  readonly refreshKeys: () => Promise<void>;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** Unix milliseconds. */
  readonly clock: () => number;
}

/** The feed as this server knows it. */
export interface KnownFeed {
  readonly feed: Feed;
  readonly revocations: Revocations;
  /** When the feed was last known to be so, Unix milliseconds. */
  readonly readAtMs: number;
}

/** How often each replica reads the feed, in milliseconds: what another one did is known here after this long. */
const READ_MS = 2_000;

/** A feed that could not be read for this long decides nothing more: what was revoked is not known. In milliseconds. */
const MAX_AGE_MS = 30 * 60_000;

/** How often what has ended is removed, how long after its end, and how long it is remembered that it was there. */
const TIDY_MS = 60_000;
const ENDED_FOR_SECONDS = 600;
const REMEMBERED_MS = 86_400_000;

/** How often keys are compared anew with what others have put into the feed meanwhile. */
const MAX_TRIES = 10;

/** The revocation feed in the memory of one replica: minting and publishing read no table. */
export class RevocationFeed {
  readonly #parts: RevocationFeedParts;
  #known: KnownFeed | undefined;
  #reading: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** Whether the last reading failed: the log says so once. */
  #isBlind = false;

  private constructor(parts: RevocationFeedParts) {
    this.#parts = parts;
  }

  /** Reads the feed and keeps reading it. Rejects with FeedWentBack, StorageUnavailable. */
  static async open(parts: RevocationFeedParts): Promise<RevocationFeed> {
    const feed = new RevocationFeed(parts);
    await requireNotBehind(parts);
    await feed.refresh();
    feed.#timer = setInterval(() => void feed.#poll(), READ_MS).unref();
    return feed;
  }

  /** What is revoked, and which keys may be trusted. Throws Unavailable when nobody knows any more. */
  current(): KnownFeed {
    const ageMs = this.#parts.clock() - (this.#known?.readAtMs ?? Number.NEGATIVE_INFINITY);
    if (this.#known && ageMs <= MAX_AGE_MS) return this.#known;
    throw new Unavailable(
      "what was revoked is not known now",
      `the feed was last read ${Math.round(ageMs / 1000)} s ago`,
    );
  }

  /** The same, however old it is: whoever gets it is told its age. */
  latest(): KnownFeed {
    if (this.#known) return this.#known;
    throw new Unavailable("what was revoked is not known now");
  }

  /** Reads the feed as it is from now on, and puts the keys of this server into it. */
  refresh(): Promise<void> {
    const before = this.#reading?.catch(() => undefined) ?? Promise.resolve();
    const reading = before
      .then(() => this.#read())
      .finally(() => {
        if (this.#reading === reading) this.#reading = undefined;
      });
    this.#reading = reading;
    return reading;
  }

  /** Revokes, and knows it at once. Undefined: the feed is full. Rejects with StorageUnavailable, Unavailable. */
  async revoke(revocation: NewRevocation): Promise<FeedEntry | undefined> {
    const [entry] = await this.#change((store) => store.add([revocation]));
    return entry;
  }

  /** Ends the revocations of a machine's name, and answers them. Rejects with StorageUnavailable, Unavailable. */
  unrevokeMachine(fqdn: string): Promise<readonly FeedEntry[]> {
    return this.#change((store) => store.removeMachine(fqdn, this.#parts.clock()));
  }

  /** Why a machine must not get a token, for the log; undefined if it may. Throws Unavailable. */
  whyRevoked(
    machine: Pick<MachineIdentity, "machineFqdn" | "caId" | "certSn">,
    nowSeconds: number,
  ): string | undefined {
    const { revocations, feed } = this.current();
    if (nowSeconds >= revocations.machineUntil(machine)) return undefined;
    const { machineFqdn, caId, certSn } = machine;
    const entry = feed.entries.find(({ subject, until }) => {
      const names = { token: undefined, machine: machineFqdn, ca: `${caId}`, certificate: `${caId}:${certSn}` };
      return until > nowSeconds && subjectText(subject) === names[subject.kind];
    });
    if (!entry) return "it was revoked";
    const { subject, revokedBy, reason } = entry;
    return `the ${subject.kind} ${subjectText(subject)} was revoked by ${revokedBy}: ${reason || "no reason was given"}`;
  }

  /** Removes what has ended: the work of one replica. */
  get job(): Job {
    const { clock } = this.#parts;
    const run = () =>
      this.#change(async (store) => {
        await store.removeEnded(clock() / 1000 - ENDED_FOR_SECONDS, clock());
        await store.forgetRemoved(clock() - REMEMBERED_MS);
      });
    return { name: "revocation-feed", everyMs: TIDY_MS, run };
  }

  /** Stops reading. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#reading?.catch(() => undefined);
  }

  /** Reads before, for a storage that went back must not be lifted to numbers that are believed; and after, to know it at once. */
  async #change<T>(write: (store: FeedStore) => Promise<T>): Promise<T> {
    await this.refresh();
    const result = await write(this.#parts.store);
    await this.refresh();
    return result;
  }

  async #poll(): Promise<void> {
    if (this.#reading) return;
    const { log } = this.#parts;
    try {
      await this.refresh();
      if (this.#isBlind) log.info({}, "the revocation feed is read again");
      this.#isBlind = false;
    } catch (error) {
      if (!this.#isBlind) log.error({ err: error }, "the revocation feed cannot be read; the known one is used");
      this.#isBlind = true;
    }
  }

  async #read(): Promise<void> {
    const readAtMs = this.#parts.clock();
    const number = await this.#parts.store.number();
    if (this.#known?.feed.number === number) this.#known = { ...this.#known, readAtMs };
    else await this.#adopt(readAtMs);
    this.#parts.metrics.set("tokens_feed_read_seconds", readAtMs / 1000);
    await this.#putKeys();
  }

  /** A storage that is put back to an older state while the server runs is believed no more. */
  async #adopt(readAtMs: number): Promise<void> {
    const { store, metrics, log } = this.#parts;
    const feed = await store.read();
    const before = this.#known?.feed;
    if (before && !continues(feed, before)) {
      // What others still write lifts its number: the next start must refuse it all the same.
      if (feed.number >= before.number) await this.#keep(feed.number + 1);
      throw new Unavailable(
        "the revocation feed went back",
        `the storage has number ${feed.number} and lacks some of what was published up to ${before.number}: ` +
          "restart with --accept-rollback if that is meant",
      );
    }
    // First kept, then published: what is behind it can be told at the next start.
    await this.#keep(feed.number);
    if (feed.entries.length >= MAX_LISTED_ENTRIES)
      log.error({}, "the revocation feed is full: revoke CAs instead of machines");
    this.#known = { feed, revocations: new Revocations(feed.entries), readAtMs };
    metrics.set("tokens_feed_number", feed.number);
    metrics.set("tokens_revocations", feed.entries.length);
  }

  async #keep(number: number): Promise<void> {
    const { published, log } = this.#parts;
    await published.write(number).catch((error: unknown) => {
      log.error({ err: error, number }, "the number of the revocation feed cannot be kept");
    });
  }

  /** The keys are read after the feed: whatever is in the feed was known to the storage before. */
  async #putKeys(): Promise<void> {
    const { store, keys, refreshKeys, clock } = this.#parts;
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      if (sameKeys(this.latest().feed.keys, keys())) return;
      await refreshKeys();
      if (sameKeys(this.latest().feed.keys, keys())) return;
      const readAtMs = clock();
      await store.setKeys(keys(), this.latest().feed.number);
      await this.#adopt(readAtMs);
    }
  }
}

/**
 * Whether a feed came from the one before by changes: what that had is there, or among what went. A higher number alone
 * says little, for an older storage counts on from where it is. Whoever was away for longer than is remembered must believe it.
 */
function continues(feed: Feed, before: Feed): boolean {
  if (feed.number < before.number) return false;
  if (before.number < feed.historyFrom) return true;
  const there = new Map(feed.entries.map(({ number, subject }) => [number, subjectText(subject)]));
  const gone = new Set(feed.removed.map(({ number }) => number));
  return before.entries.every(({ number, subject }) => there.get(number) === subjectText(subject) || gone.has(number));
}

function sameKeys(some: readonly PublishedKey[], others: readonly PublishedKey[]): boolean {
  const text = (keys: readonly PublishedKey[]) =>
    keys.map(({ keyId, certificatePem }) => keyId + certificatePem).join();
  return text(some) === text(others);
}
