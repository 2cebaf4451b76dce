import type { RevokedSubject } from "@tokens/machine-auth";
import { tokenFingerprint } from "@tokens/machine-auth/machine-token";
import { type PostgresServer, startPostgres } from "postgres-server";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { silent } from "../../test/reports.js";
import { Unavailable } from "../errors.js";
import { noMetrics } from "../metrics.js";
import { openPostgresStorage } from "../storage/postgres.js";
import { openSqliteStorage } from "../storage/sqlite.js";
import type { Storage } from "../storage/storage.js";
import { StorageUnavailable } from "../storage/storage-unavailable.js";
import type { Feed, FeedEntry, FeedStore } from "./feed-store.js";
import type { PublishedKey } from "./public-documents.js";
import { FeedWentBack, forgetfulNumber, type PublishedNumber } from "./published-number.js";
import { RevocationFeed, type RevocationFeedParts } from "./revocation-feed.js";

const NOW_MS = 1_780_315_200_000;
const MACHINE: RevokedSubject = { kind: "machine", fqdn: "host.example.com" };
const key = (keyId: string): PublishedKey => ({ keyId, certificatePem: `PEM of ${keyId}\n` });

let storage: Storage;
let nowMs: number;
let feeds: RevocationFeed[];
beforeEach(async () => {
  storage = await openSqliteStorage(":memory:");
  nowMs = NOW_MS;
  feeds = [];
});
afterEach(async () => {
  await Promise.all(feeds.map((feed) => feed.stop()));
  await storage.close();
});

/** A replica on the storage. */
async function open(changes: Partial<RevocationFeedParts> = {}): Promise<RevocationFeed> {
  const feed = await RevocationFeed.open({
    store: storage.feed,
    keys: () => [key("k1")],
    refreshKeys: () => Promise.resolve(),
    published: forgetfulNumber(),
    rollback: "refuse",
    log: silent,
    metrics: noMetrics,
    clock: () => nowMs,
    ...changes,
  });
  feeds.push(feed);
  return feed;
}

const revocation = (subject: RevokedSubject, until: number = Number.POSITIVE_INFINITY) => ({
  subject,
  until,
  reason: "stolen",
  revokedBy: "local",
  revokedAtMs: nowMs,
});
const numberOf = (feed: RevocationFeed) => feed.current().feed.number;
const origin = { machineFqdn: "host.example.com", caId: 7n, certSn: "0a" };

describe("the feed of one server", () => {
  it("has the server's keys, and follows them", async () => {
    let keys = [key("k1")];
    const feed = await open({ keys: () => keys });
    const before = numberOf(feed);
    expect(feed.current().feed.keys).toEqual([key("k1")]);
    keys = [key("k2"), key("k1")];
    await feed.refresh();
    expect([feed.current().feed.keys, numberOf(feed)]).toEqual([keys, before + 1]);
    await feed.refresh();
    expect(numberOf(feed)).toBe(before + 1);
  });

  it.each<[string, RevokedSubject, string]>([
    ["a machine", MACHINE, "the machine host.example.com was revoked by local: stolen"],
    ["a certificate", { kind: "certificate", caId: 7n, certSn: "0a" }, "the certificate 7:0a"],
    ["a CA", { kind: "ca", caId: 7n }, "the ca 7 was revoked"],
  ])("says why a machine gets no token: %s is revoked", async (_, subject, reason) => {
    const feed = await open();
    expect(feed.whyRevoked(origin, nowMs / 1000)).toBeUndefined();
    await feed.revoke(revocation(subject, nowMs / 1000 + 100));
    expect(feed.whyRevoked(origin, nowMs / 1000)).toContain(reason);
    expect(feed.whyRevoked(origin, nowMs / 1000 + 99.9)).toContain(reason);
    expect(feed.whyRevoked(origin, nowMs / 1000 + 100)).toBeUndefined();
    const others = { machineFqdn: "other.example.com", caId: 8n, certSn: "0b" };
    expect(feed.whyRevoked(others, nowMs / 1000)).toBeUndefined();
  });

  it("takes a machine's revocation back, and the number rises each time", async () => {
    const feed = await open();
    const numbers = [numberOf(feed)];
    await feed.revoke(revocation(MACHINE));
    numbers.push(numberOf(feed));
    expect((await feed.unrevokeMachine("host.example.com")).length).toBe(1);
    numbers.push(numberOf(feed));
    expect(await feed.unrevokeMachine("host.example.com")).toEqual([]);
    expect(feed.whyRevoked(origin, nowMs / 1000)).toBeUndefined();
    const [first = 0] = numbers;
    expect(numbers).toEqual([first, first + 1, first + 2]);
  });

  it("lets go of what has ended, some time after its end", async () => {
    const feed = await open();
    await feed.revoke(revocation(MACHINE, nowMs / 1000 + 60));
    await feed.revoke(revocation({ kind: "ca", caId: 7n }));
    const sizes = [];
    for (const seconds of [61, 599, 2]) {
      nowMs += seconds * 1000;
      await feed.job.run();
      await feed.refresh();
      sizes.push(feed.current().feed.entries.length);
    }
    expect(sizes).toEqual([2, 2, 1]);
  });

  it("goes on for half an hour without the storage, and then cannot tell", async () => {
    let isDown = false;
    const number = () => (isDown ? Promise.reject(new StorageUnavailable("down")) : storage.feed.number());
    const feed = await open({ store: { ...storage.feed, number } });
    await feed.revoke(revocation(MACHINE));
    isDown = true;
    nowMs += 30 * 60_000;
    await expect(feed.refresh()).rejects.toThrow(StorageUnavailable);
    await expect(feed.revoke(revocation(MACHINE))).rejects.toThrow(StorageUnavailable);
    expect(feed.whyRevoked(origin, nowMs / 1000)).toContain("stolen");
    nowMs += 1;
    expect(() => feed.current()).toThrow(Unavailable);
    expect(() => feed.whyRevoked(origin, nowMs / 1000)).toThrow(Unavailable);
    expect(feed.latest().feed.entries.length).toBe(1);
    isDown = false;
    await feed.refresh();
    expect(feed.whyRevoked(origin, nowMs / 1000)).toContain("stolen");
  });

  it("lets every machine be when somebody revokes the fingerprint of the empty text", async () => {
    const feed = await open();
    await feed.revoke(revocation({ kind: "token", fingerprint: tokenFingerprint("") }));
    expect(feed.whyRevoked(origin, nowMs / 1000)).toBeUndefined();
  });

  it("says so when there is room for no more", async () => {
    const feed = await open({ store: { ...storage.feed, add: () => Promise.resolve([]) } });
    expect(await feed.revoke(revocation(MACHINE))).toBeUndefined();
  });
});

describe("two replicas", () => {
  it("have the same numbers and the same entries, whoever changes them", async () => {
    const [a, b] = [await open(), await open()];
    for (const [index, feed] of [a, b, b, a].entries()) {
      await feed.revoke(revocation({ kind: "machine", fqdn: `host-${index}.example.com` }));
      if (index === 2) await feed.unrevokeMachine("host-0.example.com");
    }
    await Promise.all([a.refresh(), b.refresh()]);
    expect(a.current().feed).toEqual(b.current().feed);
    expect(a.current().feed.entries.length).toBe(3);
  });

  it("do not undo each other's keys: whoever is late reads them first", async () => {
    const known = new Map([
      ["a", [key("k1")]],
      ["b", [key("k1")]],
    ]);
    let stored = [key("k1")];
    const replica = (name: string) =>
      open({
        keys: () => known.get(name) ?? [],
        refreshKeys: () => Promise.resolve(void known.set(name, stored)),
      });
    const [a, b] = [await replica("a"), await replica("b")];
    stored = [key("k2")];
    known.set("a", stored);
    await a.refresh();
    const number = numberOf(a);
    await b.refresh();
    await a.refresh();
    expect([numberOf(a), numberOf(b), b.current().feed.keys]).toEqual([number, number, stored]);
  });
});

describe("two replicas on PostgreSQL", () => {
  let postgres: PostgresServer;
  let storages: Storage[];
  beforeAll(async () => void (postgres = await startPostgres()));
  afterAll(() => postgres.remove());
  beforeEach(async () => {
    const place = await postgres.createDatabase();
    storages = await Promise.all([openPostgresStorage(place), openPostgresStorage(place)]);
  });
  afterEach(async () => {
    await Promise.all(feeds.map((feed) => feed.stop()));
    await Promise.all(storages.map((one) => one.close()));
  });

  /** Changes the feed again and again, and notes what is published meanwhile: number and content. */
  async function change(feed: RevocationFeed, name: string, rounds: number): Promise<[number, string][]> {
    const published: [number, string][] = [];
    for (let round = 0; round < rounds; round++) {
      const fqdn = `${name}-${round}.example.com`;
      await feed.revoke(revocation({ kind: "machine", fqdn }));
      if (round % 3 === 2) await feed.unrevokeMachine(fqdn);
      const { number, entries } = feed.current().feed;
      published.push([number, entries.map((entry) => entry.number).join()]);
    }
    return published;
  }

  it("publish the same under the same number, and never go back, whoever is faster", async () => {
    const [a, b] = await Promise.all(storages.map(({ feed: store }) => open({ store })));
    if (!a || !b) throw new Error("the replicas did not start");
    const seen = await Promise.all([change(a, "a", 12), change(b, "b", 12)]);
    await Promise.all([a.refresh(), b.refresh()]);
    expect(a.current().feed).toEqual(b.current().feed);
    expect(a.current().feed.entries.length).toBe(16);
    const contents = new Map<number, string>();
    for (const published of seen) {
      const numbers = published.map(([number]) => number);
      expect(numbers).toEqual(numbers.toSorted((one, other) => one - other));
      for (const [number, content] of published) {
        expect(contents.get(number) ?? content).toBe(content);
        contents.set(number, content);
      }
    }
  });
});

/** A file that remembers the number. */
function remembered(number?: number): PublishedNumber & { last: number | undefined } {
  const file = {
    last: number,
    read: () => Promise.resolve(file.last),
    write: (written: number) => Promise.resolve(void (file.last = written)),
  };
  return file;
}

describe("a storage that is put back to an older state", () => {
  it("is refused at the start, until that is accepted: then the numbers go on above what was published", async () => {
    const published = remembered();
    const feed = await open({ published });
    await feed.revoke(revocation(MACHINE));
    expect(published.last).toBe(numberOf(feed));
    const last = numberOf(feed) + 5;
    published.last = last;
    await expect(open({ published })).rejects.toThrow(FeedWentBack);
    expect(published.last).toBe(last);
    const accepted = await open({ published, rollback: "accept" });
    expect([numberOf(accepted), published.last]).toEqual([last + 1, last + 1]);
    expect(numberOf(await open({ published }))).toBe(last + 1);
  });

  it("is believed no more while the server runs, and nothing is written to it", async () => {
    let behind = 0;
    const store: FeedStore = {
      ...storage.feed,
      number: async () => (await storage.feed.number()) - behind,
      read: async () => {
        const feed = await storage.feed.read();
        return behind === 0 ? feed : { ...feed, number: feed.number - behind, entries: [] };
      },
    };
    const feed = await open({ store });
    await feed.revoke(revocation(MACHINE));
    const number = numberOf(feed);
    behind = 1;
    await expect(feed.refresh()).rejects.toThrow("the revocation feed went back");
    await expect(feed.revoke(revocation({ kind: "ca", caId: 7n }))).rejects.toThrow(Unavailable);
    await expect(feed.unrevokeMachine("host.example.com")).rejects.toThrow(Unavailable);
    await expect(feed.job.run()).rejects.toThrow(Unavailable);
    expect([numberOf(feed), feed.whyRevoked(origin, nowMs / 1000)]).toEqual([
      number,
      expect.stringContaining("stolen"),
    ]);
    expect((await storage.feed.read()).entries.length).toBe(1);
  });

  it.each<[string, (feed: Feed) => readonly FeedEntry[]]>([
    ["lacks what was published", () => []],
    [
      "has something else under its number",
      ({ entries }) => entries.map((one) => ({ ...one, subject: { kind: "ca", caId: 8n } })),
    ],
  ])("is believed no more when it counted on beyond what was published, but %s", async (_, older) => {
    let ahead = 0;
    const store: FeedStore = {
      ...storage.feed,
      number: async () => (await storage.feed.number()) + ahead,
      read: async () => {
        const feed = await storage.feed.read();
        return ahead === 0 ? feed : { ...feed, number: feed.number + ahead, entries: older(feed) };
      },
    };
    const published = remembered();
    const feed = await open({ store, published });
    await feed.revoke(revocation(MACHINE));
    ahead = 1000;
    await expect(feed.refresh()).rejects.toThrow("the revocation feed went back");
    expect(feed.whyRevoked(origin, nowMs / 1000)).toContain("stolen");
    await expect(open({ store, published })).rejects.toThrow(FeedWentBack);
    const accepted = await open({ store, published, rollback: "accept" });
    expect(accepted.whyRevoked(origin, nowMs / 1000)).toBeUndefined();
  });

  it("is published all the same when the number cannot be kept: revocations matter more", async () => {
    const published = { ...remembered(), write: () => Promise.reject(new Error("the disk is full")) };
    const errors: unknown[] = [];
    const feed = await open({ published, log: { ...silent, error: (fields) => void errors.push(fields) } });
    await feed.revoke(revocation(MACHINE));
    expect(feed.whyRevoked(origin, nowMs / 1000)).toContain("stolen");
    expect(errors).toContainEqual(expect.objectContaining({ err: new Error("the disk is full") }));
  });
});
