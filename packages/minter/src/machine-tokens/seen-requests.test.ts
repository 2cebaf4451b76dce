import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Unavailable } from "../errors.js";
import { noMetrics } from "../metrics.js";
import { StorageUnavailable } from "../storage/storage-unavailable.js";
import { openSqliteStorage } from "../storage/sqlite.js";
import type { Storage } from "../storage/storage.js";
import { seenId, SeenRequests, type SeenRequestsParts } from "./seen-requests.js";

let storage: Storage;
let nowMs = 0;
beforeEach(async () => {
  nowMs = 1_000_000_000;
  storage = await openSqliteStorage(":memory:");
});
afterEach(() => storage.close());

const open = (changes: Partial<SeenRequestsParts> = {}) =>
  new SeenRequests({ store: storage.seen, metrics: noMetrics, clock: () => nowMs, ...changes });
const request = (id: string) => ({ id, untilSeconds: nowMs / 1000 + 600 });

describe("SeenRequests", () => {
  it("says of each request once that it is new, at all servers on a storage", async () => {
    const [one, another] = [open(), open()];
    const answers = await Promise.all([one, another, one, another].map((seen) => seen.remember(request("a"))));
    expect(answers.filter(Boolean)).toHaveLength(1);
    expect(await one.remember(request("b"))).toBe(true);
    expect(await another.remember(request("b"))).toBe(false);
    expect(await open().remember(request("b"))).toBe(false);
  });

  it("remembers thousands that come at once, each once", async () => {
    const seen = open();
    const ids = Array.from({ length: 3_000 }, (_, index) => `${index % 1_500}`);
    const answers = await Promise.all(ids.map((id) => seen.remember(request(id))));
    expect(answers.filter(Boolean)).toHaveLength(1_500);
    expect(await storage.seen.count()).toBe(1_500);
  });

  it("attack 17: refuses when it is full, and forgets nobody for it", async () => {
    const counted: string[] = [];
    const metrics = { ...noMetrics, count: (name: string) => void counted.push(name) };
    const seen = open({ capacity: 3, metrics });
    const answers = await Promise.allSettled(["a", "b", "c", "d"].map((id) => seen.remember(request(id))));
    expect(answers.map(({ status }) => status)).toEqual(["fulfilled", "fulfilled", "fulfilled", "rejected"]);
    await expect(seen.remember(request("e"))).rejects.toBeInstanceOf(Unavailable);
    await expect(seen.remember(request("a"))).rejects.toBeInstanceOf(Unavailable);
    expect(counted).toEqual(Array(3).fill("tokens_seen_requests_full_total"));
    expect(await storage.seen.count()).toBe(3);
  });

  it("has room again once the time of some is over", async () => {
    const seen = open({ capacity: 1 });
    expect(await seen.remember(request("a"))).toBe(true);
    await seen.job.run();
    await expect(seen.remember(request("b"))).rejects.toBeInstanceOf(Unavailable);
    nowMs += 601_000;
    await seen.job.run();
    expect(await seen.remember(request("b"))).toBe(true);
  });

  it("counts what other servers remember", async () => {
    const seen = open({ capacity: 2 });
    expect(await seen.remember(request("a"))).toBe(true);
    await open().remember(request("b"));
    nowMs += 10_000;
    await expect(seen.remember(request("c"))).rejects.toBeInstanceOf(Unavailable);
  });

  it("fails while the storage does, and goes on after it", async () => {
    let isDown = true;
    const add: typeof storage.seen.add = (requests) =>
      isDown ? Promise.reject(new StorageUnavailable("down")) : storage.seen.add(requests);
    const seen = open({ store: { ...storage.seen, add } });
    await expect(seen.remember(request("a"))).rejects.toBeInstanceOf(StorageUnavailable);
    isDown = false;
    expect(await seen.remember(request("a"))).toBe(true);
  });
});

describe("seenId", () => {
  it("tells nonces and certificates apart, wherever one ends and the other begins", () => {
    const ids = [
      ["ab", "c"],
      ["a", "bc"],
      ["ab", "d"],
      ["ac", "c"],
    ].map(([certificate = "", nonce = ""]) => seenId(Buffer.from(certificate), Buffer.from(nonce)));
    expect(new Set(ids).size).toBe(4);
    expect(seenId(Buffer.from("ab"), Buffer.from("c"))).toBe(ids[0]);
  });
});
