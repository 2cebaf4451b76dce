import { deepEqual, equal, rejects } from "node:assert/strict";
import type { AuditRecord, AuditStore, ChainHead } from "../../audit/audit-store.js";
import type { StorageCase } from "./storage-case.js";

const START: Pick<AuditRecord, "timeMs" | "chain" | "sequence"> = { timeMs: 0, chain: "", sequence: 0 };

const record = (chain: string, sequence: number, timeMs: number): AuditRecord => ({
  chain,
  sequence,
  kind: "machine",
  timeMs,
  data: JSON.stringify({ machine_fqdn: `host-${sequence}.example.com`, odd: 'é "\u0000\n' }),
  previous: new Uint8Array(32).fill(sequence % 256),
});

const head = (chain: string, sequence: number): ChainHead => ({
  chain,
  sequence,
  hash: new Uint8Array(32).fill(200 + (sequence % 50)),
  timeMs: sequence,
});

const run = (chain: string, count: number, from = 1) =>
  Array.from({ length: count }, (_, index) => record(chain, from + index, 1000 + from + index));

const ids = (records: readonly AuditRecord[]) => records.map(({ chain, sequence }) => `${chain}${sequence}`);

async function allByTime(audit: AuditStore, pageSize: number): Promise<AuditRecord[]> {
  const all: AuditRecord[] = [];
  for (let after = START; ;) {
    const page = await audit.records(after, pageSize);
    const last = page.at(-1);
    if (!last) return all;
    all.push(...page);
    after = last;
  }
}

const recordCases: readonly StorageCase[] = [
  {
    name: "audit: gives records back as they were, byte for byte",
    run: async ({ audit }) => {
      await audit.append([record("a", 1, 5)], [head("a", 1)]);
      const [kept] = await audit.chainRecords("a", 0, 10);
      const plain = (given: AuditRecord | undefined) => ({ ...given, previous: [...(given?.previous ?? [])] });
      deepEqual(plain(kept), plain(record("a", 1, 5)));
    },
  },
  {
    name: "audit: appends all or nothing",
    run: async ({ audit }) => {
      await audit.append(run("a", 2), [head("a", 2)]);
      await rejects(audit.append([record("a", 3, 9), record("a", 2, 9)], [head("a", 9)]));
      deepEqual(ids(await audit.chainRecords("a", 0, 10)), ["a1", "a2"]);
      equal((await audit.heads())[0]?.sequence, 2);
    },
  },
  {
    name: "audit: knows the head of each chain",
    run: async ({ audit }) => {
      await audit.append([...run("b", 1), ...run("a", 2)], [head("b", 1), head("a", 2)]);
      await audit.append(run("a", 1, 3), [head("a", 3)]);
      const heads = (await audit.heads()).map(({ hash, ...rest }) => ({ ...rest, hash: hash[0] }));
      deepEqual(heads, [
        { chain: "a", sequence: 3, timeMs: 3, hash: 203, checkpointed: 0 },
        { chain: "b", sequence: 1, timeMs: 1, hash: 201, checkpointed: 0 },
      ]);
    },
  },
  {
    name: "audit: reads all chains in the order of time, page by page, each record once",
    run: async ({ audit }) => {
      await audit.append([record("b", 1, 5), record("b", 2, 5), record("b", 3, 9)], [head("b", 3)]);
      await audit.append([record("a", 1, 5), record("a", 2, 7)], [head("a", 2)]);
      for (const pageSize of [1, 2, 100]) {
        deepEqual(ids(await allByTime(audit, pageSize)), ["a1", "b1", "b2", "a2", "b3"]);
      }
    },
  },
  {
    name: "audit: takes thousands of records at once",
    run: async ({ audit }) => {
      await audit.append(run("a", 3000), [head("a", 3000)]);
      equal((await allByTime(audit, 999)).length, 3000);
    },
  },
  {
    name: "audit: removes the oldest of a chain, in bites, and nothing else",
    run: async ({ audit }) => {
      await audit.append([...run("a", 10), ...run("b", 3)], [head("a", 10), head("b", 3)]);
      equal(await audit.removeThrough("a", 7, 5), 5);
      equal(await audit.removeThrough("a", 7, 5), 2);
      equal(await audit.removeThrough("a", 7, 5), 0);
      deepEqual(ids(await audit.chainRecords("a", 0, 10)), ["a8", "a9", "a10"]);
      equal((await audit.chainRecords("b", 0, 10)).length, 3);
      await audit.removeChain("b");
      deepEqual(
        (await audit.heads()).map(({ chain }) => chain),
        ["a"],
      );
    },
  },
];

const checkpoint = (number: number, body = `{"number":${number}}`) => ({
  number,
  timeMs: 1000 + number,
  body,
  keyId: "k1",
  signature: Uint8Array.of(number, 0, 255),
});

const checkpointCases: readonly StorageCase[] = [
  {
    name: "audit: gives each checkpoint number once",
    run: async ({ audit }) => {
      equal(await audit.lastCheckpoint(), undefined);
      const answers = await Promise.all(["x", "y", "z"].map((body) => audit.addCheckpoint(checkpoint(1, body), [])));
      deepEqual(answers.toSorted(), ["added", "taken", "taken"]);
      equal(await audit.addCheckpoint(checkpoint(2), []), "added");
      const last = await audit.lastCheckpoint();
      deepEqual({ ...last, signature: [...(last?.signature ?? [])] }, { ...checkpoint(2), signature: [2, 0, 255] });
    },
  },
  {
    name: "audit: remembers how far checkpoints cover a chain, also when it grows",
    run: async ({ audit }) => {
      await audit.append(run("a", 2), [head("a", 2)]);
      equal(await audit.addCheckpoint(checkpoint(1), [head("a", 2)]), "added");
      equal(await audit.addCheckpoint(checkpoint(1), [head("a", 1)]), "taken");
      await audit.append(run("a", 1, 3), [head("a", 3)]);
      const [kept] = await audit.heads();
      deepEqual([kept?.sequence, kept?.checkpointed], [3, 2]);
    },
  },
  {
    name: "audit: reads checkpoints in order and forgets the oldest",
    run: async ({ audit }) => {
      for (const number of [1, 2, 3, 4]) await audit.addCheckpoint(checkpoint(number), []);
      const numbers = async (after: number, limit: number) =>
        (await audit.checkpoints(after, limit)).map(({ number }) => number);
      deepEqual(await numbers(0, 2), [1, 2]);
      deepEqual(await numbers(2, 9), [3, 4]);
      await audit.removeCheckpointsBelow(3);
      deepEqual(await numbers(0, 9), [3, 4]);
    },
  },
];

export const auditCases: readonly StorageCase[] = [...recordCases, ...checkpointCases];
