import { deepEqual, equal } from "node:assert/strict";
import type { CrlHead, CrlStore } from "../../certificate-authorities/crl-store.js";
import type { StorageCase } from "./storage-case.js";

const head = (changes: Partial<CrlHead> = {}): CrlHead => ({
  listId: "A",
  version: 1,
  thisUpdateSeconds: 1_780_315_200,
  nextUpdateSeconds: 4_733_510_400,
  number: 2n ** 159n,
  entries: 1_000_000,
  digest: "d1",
  etag: '"e"',
  takenAtMs: 1_780_315_200_123,
  parts: 2,
  ...changes,
});
const PARTS = [Uint8Array.of(1, 0, 255), Uint8Array.of(2)];

async function read(crls: CrlStore, of: CrlHead): Promise<(number[] | undefined)[]> {
  const parts = await Promise.all(Array.from({ length: of.parts + 1 }, (_, index) => crls.part(of, index)));
  return parts.map((part) => part && [...part]);
}

const feedCases: readonly StorageCase[] = [
  {
    name: "crls: what a list brings is in the feed as soon as the list is in place, under every id of its CA",
    run: async ({ crls, feed }) => {
      const certSns = Array.from({ length: 1200 }, (_, index) => `01${index.toString(16).padStart(4, "0")}`);
      equal(await crls.take(head(), PARTS, { caIds: [7n, -8n], certSns, until: 5000 }), "taken");
      const { entries, number } = await feed.read();
      deepEqual(
        entries.map(({ subject }) => subject),
        [7n, -8n].flatMap((caId) => certSns.map((certSn) => ({ kind: "certificate", caId, certSn }))),
      );
      deepEqual([entries.at(-1)?.number, entries[0]?.revokedBy, entries[0]?.until], [number, "crl A", 5000]);
    },
  },
  {
    name: "crls: a list that is stale, or brings nothing, leaves the feed as it is",
    run: async ({ crls, feed }) => {
      const number = await feed.number();
      const revoked = { caIds: [7n], certSns: ["0a"], until: 5000 };
      equal(await crls.take(head({ version: 2 }), PARTS, revoked), "stale");
      equal(await crls.take(head(), PARTS, { ...revoked, certSns: [] }), "taken");
      equal(await crls.take(head({ version: 2, digest: "d2" }), PARTS), "taken");
      equal(await feed.number(), number);
      deepEqual((await feed.read()).entries, []);
    },
  },
];

export const crlCases: readonly StorageCase[] = [
  ...feedCases,
  {
    name: "crls: begins empty, and gives back what it got",
    run: async ({ crls }) => {
      deepEqual([await crls.heads(), await crls.checks()], [[], []]);
      equal(await crls.take(head(), PARTS), "taken");
      deepEqual(await crls.heads(), [head()]);
      deepEqual(await read(crls, head()), [[1, 0, 255], [2], undefined]);
    },
  },
  {
    name: "crls: stores each part before it asks for the next, which comes in the same shared memory",
    run: async ({ crls }) => {
      const memory = new Uint8Array(new SharedArrayBuffer(8));
      const parts = async function* () {
        for (const part of PARTS) {
          memory.fill(7).set(part, 1);
          yield memory.subarray(1, 1 + part.length);
        }
        memory.fill(7);
      };
      equal(await crls.take(head(), parts()), "taken");
      deepEqual(await read(crls, head()), [[1, 0, 255], [2], undefined]);
    },
  },
  {
    name: "crls: keeps what a list does not say",
    run: async ({ crls }) => {
      const bare = head({ nextUpdateSeconds: undefined, number: undefined, etag: "" });
      await crls.take(bare, PARTS);
      deepEqual(await crls.heads(), [bare]);
    },
  },
  {
    name: "crls: a list takes the place of the one before, and its parts go",
    run: async ({ crls }) => {
      await crls.take(head(), PARTS);
      const next = head({ version: 2, digest: "d2", parts: 1 });
      equal(await crls.take(next, [Uint8Array.of(9)]), "taken");
      deepEqual(await crls.heads(), [next]);
      deepEqual(await read(crls, next), [[9], undefined]);
      equal(await crls.part(head(), 0), undefined);
    },
  },
  {
    name: "crls: a list that was compared with another than the one in place is stale",
    run: async ({ crls }) => {
      equal(await crls.take(head({ version: 2 }), PARTS), "stale");
      equal(await crls.take(head(), PARTS), "taken");
      for (const version of [1, 3]) equal(await crls.take(head({ version, digest: "d2" }), PARTS), "stale");
      deepEqual(await crls.heads(), [head()]);
      deepEqual(await read(crls, head()), [[1, 0, 255], [2], undefined]);
    },
  },
  {
    name: "crls: of many that are taken at once, one wins, and its parts are there",
    run: async ({ crls }) => {
      for (const version of [1, 2, 3]) {
        const lists = Array.from({ length: 6 }, (_, index) =>
          head({ version, digest: `${version}/${index}`, parts: 1 }),
        );
        const answers = await Promise.all(lists.map((list, index) => crls.take(list, [Uint8Array.of(index)])));
        deepEqual(answers.toSorted(), [...Array.from({ length: 5 }, () => "stale"), "taken"]);
        const [winner = head()] = await crls.heads();
        deepEqual(await read(crls, winner), [[answers.indexOf("taken")], undefined]);
      }
    },
  },
  {
    name: "crls: keeps the lists apart, and notes another name for the same list",
    run: async ({ crls }) => {
      await crls.take(head(), PARTS);
      await crls.take(head({ listId: "B" }), PARTS);
      await crls.setEtag(head({ listId: "B" }), '"other"');
      await crls.setEtag(head({ version: 7 }), "nothing has this version");
      deepEqual(await crls.heads(), [head(), head({ listId: "B", etag: '"other"' })]);
    },
  },
  {
    name: "crls: tells when a list was checked from when that failed",
    run: async ({ crls }) => {
      await crls.noteFailed("A", 100, "no answer");
      deepEqual(await crls.checks(), [{ listId: "A", checkedAtMs: undefined, failedAtMs: 100, failure: "no answer" }]);
      await crls.noteChecked("A", 200);
      deepEqual(await crls.checks(), [{ listId: "A", checkedAtMs: 200, failedAtMs: undefined, failure: "" }]);
      await crls.noteFailed("A", 300, "gone");
      await crls.noteChecked("B", 400);
      deepEqual(await crls.checks(), [
        { listId: "A", checkedAtMs: 200, failedAtMs: 300, failure: "gone" },
        { listId: "B", checkedAtMs: 400, failedAtMs: undefined, failure: "" },
      ]);
    },
  },
];
