import { deepEqual, equal, ok } from "node:assert/strict";
import type { RevokedSubject } from "@tokens/machine-auth";
import type { FeedStore, NewRevocation } from "../../trust/feed-store.js";
import type { StorageCase } from "./storage-case.js";

const MACHINE: RevokedSubject = { kind: "machine", fqdn: "host.example.com" };
const TOKEN: RevokedSubject = { kind: "token", fingerprint: "00112233445566778899aabbccddeeff" };
const CA: RevokedSubject = { kind: "ca", caId: 2n ** 63n - 1n };
const CERTIFICATE: RevokedSubject = { kind: "certificate", caId: -7n, certSn: "0a" };

const revocation = (subject: RevokedSubject, until: number = Number.POSITIVE_INFINITY): NewRevocation => ({
  subject,
  until,
  reason: "lost",
  revokedBy: "user:a@example.com",
  revokedAtMs: 1_780_315_200_123,
});

/** What is in the feed: subjects and ends. */
async function inFeed(feed: FeedStore): Promise<[RevokedSubject, number][]> {
  return (await feed.read()).entries.map(({ subject, until }) => [subject, until]);
}

const entryCases: readonly StorageCase[] = [
  {
    name: "feed: begins empty, at a number that a storage made before has not reached",
    run: async ({ feed }) => {
      const { number, keys, entries, removed, historyFrom } = await feed.read();
      deepEqual([keys, entries, removed], [[], [], []]);
      ok(number > 1_780_000_000_000 && Number.isSafeInteger(number));
      equal(historyFrom, number);
      equal(await feed.number(), number);
    },
  },
  {
    name: "feed: gives back what was revoked, each under a number of its own",
    run: async ({ feed }) => {
      const first = await feed.number();
      const revocations = [MACHINE, TOKEN, CA, CERTIFICATE].map((subject) => revocation(subject, 5000));
      const entries = await feed.add(revocations);
      deepEqual(
        entries,
        revocations.map((one, index) => ({ ...one, number: first + 1 + index })),
      );
      const { entries: kept, number } = await feed.read();
      deepEqual(kept, entries);
      equal(number, first + 4);
      const [forEver] = await feed.add([revocation({ kind: "ca", caId: 0n })]);
      deepEqual((await feed.read()).entries.at(-1), forEver);
      equal(forEver?.until, Number.POSITIVE_INFINITY);
    },
  },
  {
    name: "feed: a revocation takes the place of those of the same thing that end no later",
    run: async ({ feed }) => {
      await feed.add([revocation(MACHINE, 100)]);
      await feed.add([revocation(MACHINE, 200)]);
      deepEqual(await inFeed(feed), [[MACHINE, 200]]);
      await feed.add([revocation(MACHINE, 150)]);
      deepEqual(await inFeed(feed), [
        [MACHINE, 200],
        [MACHINE, 150],
      ]);
      await feed.add([revocation(MACHINE)]);
      deepEqual(await inFeed(feed), [[MACHINE, Number.POSITIVE_INFINITY]]);
      await feed.add([revocation(MACHINE, 300), revocation({ kind: "machine", fqdn: "other" }, 300)]);
      equal((await inFeed(feed)).length, 3);
    },
  },
  {
    name: "feed: takes a machine's revocations back, and nothing else",
    run: async ({ feed }) => {
      await feed.add([revocation(MACHINE, 200), revocation(TOKEN), revocation(CA), revocation(CERTIFICATE)]);
      await feed.add([revocation(MACHINE, 100)]);
      const { number } = await feed.read();
      deepEqual((await feed.removeMachine("other", 1)).length, 0);
      equal(await feed.number(), number);
      deepEqual(
        (await feed.removeMachine("host.example.com", 1)).map(({ until }) => until),
        [200, 100],
      );
      deepEqual(
        (await inFeed(feed)).map(([subject]) => subject),
        [TOKEN, CA, CERTIFICATE],
      );
      ok((await feed.number()) > number);
    },
  },
  {
    name: "feed: drops what has ended, and its number rises only then",
    run: async ({ feed }) => {
      await feed.add([revocation(MACHINE, 100), revocation(TOKEN, 200), revocation(CA)]);
      const number = await feed.number();
      await feed.removeEnded(100, 1);
      equal(await feed.number(), number);
      await feed.removeEnded(101, 1);
      deepEqual(
        (await inFeed(feed)).map(([subject]) => subject),
        [TOKEN, CA],
      );
      equal(await feed.number(), number + 1);
    },
  },
];

const historyCases: readonly StorageCase[] = [
  {
    name: "feed: remembers what went and from when on, until it is told to forget",
    run: async ({ feed }) => {
      const start = await feed.number();
      await feed.add([revocation(MACHINE), revocation(TOKEN, 100)]);
      await feed.removeMachine("host.example.com", 1000);
      await feed.removeEnded(101, 2000);
      deepEqual((await feed.read()).removed, [
        { number: start + 1, goneFrom: start + 3 },
        { number: start + 2, goneFrom: start + 4 },
      ]);
      await feed.forgetRemoved(1000);
      equal((await feed.read()).historyFrom, start);
      await feed.forgetRemoved(1001);
      const { removed, historyFrom } = await feed.read();
      deepEqual([removed, historyFrom], [[{ number: start + 2, goneFrom: start + 4 }], start + 3]);
    },
  },
  {
    name: "feed: takes keys from whoever knew its number, and from nobody else",
    run: async ({ feed }) => {
      const number = await feed.number();
      const keys = [{ keyId: "k1", certificatePem: "PEM\n" }];
      equal(await feed.setKeys(keys, number), true);
      equal(await feed.setKeys([], number), false);
      deepEqual([(await feed.read()).keys, await feed.number()], [keys, number + 1]);
    },
  },
  {
    name: "feed: moves above a number that was published, and never back",
    run: async ({ feed }) => {
      const number = await feed.number();
      await feed.moveAbove(number - 1);
      equal(await feed.number(), number);
      await feed.moveAbove(number + 10);
      const { number: now, historyFrom } = await feed.read();
      deepEqual([now, historyFrom], [number + 11, number + 11]);
    },
  },
  {
    name: "feed: of many who change it at once, each gets numbers of its own, and nothing is lost",
    run: async ({ feed }) => {
      const names = Array.from({ length: 12 }, (_, index) => `host-${index}.example.com`);
      await Promise.all(names.map((fqdn) => feed.add([revocation({ kind: "machine", fqdn }), revocation(TOKEN)])));
      const { entries, number } = await feed.read();
      const machines = entries.filter(({ subject }) => subject.kind === "machine");
      equal(machines.length, 12);
      equal(new Set(entries.map((entry) => entry.number)).size, entries.length);
      ok(entries.every((entry) => entry.number <= number));
    },
  },
];

export const feedCases: readonly StorageCase[] = [...entryCases, ...historyCases];
