import fc from "fast-check";
import { soakCount } from "soak-count";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type GivenList, keeperOf, minutes, onlyList, readList, takeList } from "../../test/crl-lists.js";
import { openSqliteStorage } from "../storage/sqlite.js";
import type { Storage } from "../storage/storage.js";
import type { CrlKeeper } from "./crl-keeper.js";
import { CrlRefused } from "./crl-errors.js";
import { whyOlder } from "./crl-order.js";
import type { CrlHead, CrlStore } from "./crl-store.js";

/** How many lists the CA has made; each revokes one certificate more. */
const LISTS = 5;

let storage: Storage;
let lists: GivenList[];
let runs = 0;
beforeAll(async () => {
  storage = await openSqliteStorage(":memory:");
  const serials = Array.from({ length: LISTS }, (_, index) => index + 1);
  const read = (number: number) =>
    readList(keeperOf(storage.crls), {
      number,
      thisUpdate: minutes(number - 10),
      revoked: serials.slice(0, number),
    });
  lists = await Promise.all(serials.map(read));
});
afterAll(() => storage.close());

const numberOf = (keeper: CrlKeeper, listId: string) => Number(keeper.find(listId)?.head.number ?? 0n);

/** Takes a list or is told that it is too old: nothing else can come of it. */
async function takeOrRefuse(keeper: CrlKeeper, listId: string, list: GivenList | undefined): Promise<void> {
  try {
    await takeList(keeper, listId, list ?? expect.fail("no such list"));
  } catch (error) {
    if (!(error instanceof CrlRefused)) throw error;
    expect(error.code).toBe("ROLLBACK");
  }
}

function* permutations(of: readonly number[]): Generator<number[]> {
  if (of.length === 0) yield [];
  for (const first of of) for (const rest of permutations(of.filter((each) => each !== first))) yield [first, ...rest];
}

it("ends with the newest list and never goes back, in whatever order lists come", async () => {
  for (const order of permutations([1, 2, 3, 4])) {
    const [keeper, listId] = [keeperOf(storage.crls), `order ${order.join()}`];
    let newest = 0;
    for (const number of order) {
      await takeOrRefuse(keeper, listId, lists[number - 1]);
      newest = Math.max(newest, number);
      expect(numberOf(keeper, listId)).toBe(newest);
    }
  }
});

/** The lists of one id, as the storage has them, and what was ever in force there. */
function watched(listId: string, history: CrlHead[]): CrlStore {
  const crls = onlyList(storage.crls, listId);
  return {
    ...crls,
    take: async (head, parts) => {
      const answer = await crls.take(head, parts);
      if (answer === "taken") history.push(head);
      return answer;
    },
  };
}

/** Each call of the storage waits until it is its turn. */
function scheduled(store: CrlStore, scheduler: fc.Scheduler): CrlStore {
  const inTurn = <Args extends unknown[], Result>(call: (...args: Args) => Promise<Result>) =>
    scheduler.scheduleFunction<Args, Result>(call);
  return { ...store, heads: inTurn(store.heads), part: inTurn(store.part), take: inTurn(store.take) };
}

it("never goes back when servers fetch at once, and all come to the newest list", async () => {
  const order = fc.shuffledSubarray([1, 2, 3, 4, 5], { minLength: 3, maxLength: LISTS });
  const property = fc.asyncProperty(fc.scheduler(), order, async (scheduler, numbers) => {
    const listId = `race ${++runs}`;
    const history: CrlHead[] = [];
    const store = watched(listId, history);
    const servers = [0, 1, 2].map(() => keeperOf(scheduled(store, scheduler)));
    const seen = servers.map(() => 0);
    const watch = () =>
      servers.forEach((server, index) => {
        expect(numberOf(server, listId)).toBeGreaterThanOrEqual(seen[index] ?? 0);
        seen[index] = numberOf(server, listId);
      });
    const fetches = numbers.map(async (number, index) => {
      const server = servers[index % servers.length] ?? expect.fail("no server");
      await takeOrRefuse(server, listId, lists[number - 1]);
      watch();
    });
    await scheduler.waitFor(Promise.all(fetches));
    for (const [index, head] of history.slice(1).entries()) {
      expect(whyOlder(head, history[index] ?? head, 0)).toBeUndefined();
      expect(head.version).toBe((history[index]?.version ?? 0) + 1);
    }
    await scheduler.waitFor(Promise.all(servers.map((server) => server.refresh())));
    expect(servers.map((server) => numberOf(server, listId))).toEqual(servers.map(() => Math.max(...numbers)));
  });
  // Threads read what other servers have taken: a run takes up to a second.
  await fc.assert(property, { numRuns: soakCount(40) });
});
