import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { parseCertificate } from "@tokens/pki";
import { type CrlSpec, TestCa } from "@tokens/pki/testing";
import {
  fleet,
  fleetCa,
  type GivenList,
  KeptLog,
  keeperOf,
  minutes,
  NOW,
  onlyList,
  readList,
  sourceOf,
  takeList,
} from "../../test/crl-lists.js";
import { openSqliteStorage } from "../storage/sqlite.js";
import type { Storage } from "../storage/storage.js";
import type { CrlKeeper } from "./crl-keeper.js";
import type { ListSource } from "./ca-policy.js";
import type { CrlStore } from "./crl-store.js";

let storage: Storage;
let lists: Record<"one" | "two" | "sameAge" | "sameAgeFewer", GivenList>;
beforeAll(async () => {
  storage = await openSqliteStorage(":memory:");
  const reader = keeperOf(storage.crls);
  lists = {
    one: await readList(reader, { number: 1, thisUpdate: minutes(-9), revoked: [0x51] }),
    two: await readList(reader, { number: 2, thisUpdate: minutes(-8), revoked: [0x51, 0x52] }),
    sameAge: await readList(reader, { number: 2, thisUpdate: minutes(-8), revoked: [0x51, 0x52, 0x53] }),
    sameAgeFewer: await readList(reader, { number: 2, thisUpdate: minutes(-8), revoked: [0x52] }),
  };
});
afterAll(() => storage.close());

let crls: CrlStore;
let log: KeptLog;
let keeper: CrlKeeper;
let listId: string;
let tests = 0;
beforeEach(() => {
  log = new KeptLog();
  listId = `CA ${++tests}`;
  crls = onlyList(storage.crls, listId);
  keeper = keeperOf(crls, log);
});

const take = (list: GivenList, etag = "") => takeList(keeper, listId, list, etag);
const revoked = (of = keeper) => [0x51, 0x52, 0x53].filter((serial) => of.find(listId)?.has(Buffer.of(serial)));
const rollback = (words: string) =>
  expect.objectContaining({ name: "CrlRefused", code: "ROLLBACK", message: expect.stringContaining(words) });

describe("a list that is taken", () => {
  it("is in force, and says what it revokes", async () => {
    expect(keeper.find(listId)).toBeUndefined();
    expect(await take(lists.one, '"1"')).toBe("taken");
    expect(revoked()).toEqual([0x51]);
    expect(keeper.find(listId)?.head).toMatchObject({ version: 1, number: 1n, entries: 1, etag: '"1"' });
  });

  it("stays in force over a restart, before anybody fetches anything", async () => {
    await take(lists.two);
    const restarted = keeperOf(crls);
    await restarted.refresh();
    expect(restarted.find(listId)?.head).toEqual(keeper.find(listId)?.head);
    expect(revoked(restarted)).toEqual([0x51, 0x52]);
  });

  it("is the same when it comes again, and is called what it was called last", async () => {
    await take(lists.one, '"1"');
    expect(await take(lists.one, '"other"')).toBe("same");
    const restarted = keeperOf(crls);
    await restarted.refresh();
    for (const each of [keeper, restarted])
      expect(each.find(listId)?.head).toMatchObject({ version: 1, etag: '"other"' });
  });

  it("is in force as long as the terms say", async () => {
    const seconds = (date: Date) => date.getTime() / 1000;
    const list = await readList(keeper, { thisUpdate: minutes(-9), nextUpdate: minutes(60) });
    const untilUnder = async (terms: object) => {
      const other = keeperOf(crls, log, terms);
      const id = `${listId} ${JSON.stringify(terms)}`;
      await takeList(other, id, list);
      return other.find(id)?.inForceUntilSeconds;
    };
    expect(await untilUnder({})).toBe(seconds(minutes(60)));
    expect(await untilUnder({ graceSeconds: 90 })).toBe(seconds(minutes(60)) + 90);
    expect(await untilUnder({ graceSeconds: 90, maxAgeSeconds: 3600 })).toBe(seconds(minutes(51)));
  });
});

describe("a list that would go back", () => {
  it("is refused: by its number, by its date, by what it no longer says", async () => {
    await take(lists.two);
    await expect(take(lists.one)).rejects.toEqual(rollback("thisUpdate is before"));
    await expect(take(lists.sameAgeFewer)).rejects.toEqual(rollback("revokes 1 certificates less"));
    const lower = await readList(keeper, { number: 1, thisUpdate: minutes(-1), revoked: [0x51, 0x52] });
    await expect(take(lower)).rejects.toEqual(rollback("number 1 is below 2"));
    expect(revoked()).toEqual([0x51, 0x52]);
    expect(await take(lists.sameAge)).toBe("taken");
    expect(revoked()).toEqual([0x51, 0x52, 0x53]);
  });

  it("is refused also after the same content came under a later date", async () => {
    await take(lists.one);
    const again = await readList(keeper, { number: 3, thisUpdate: minutes(-5), revoked: [0x51] });
    expect(await take(again)).toBe("taken");
    await expect(take(lists.two)).rejects.toEqual(rollback("thisUpdate is before"));
    expect(revoked()).toEqual([0x51]);
  });

  it("is refused by a server that has not seen the later one, too", async () => {
    const other = keeperOf(crls);
    await takeList(other, listId, lists.two);
    await expect(take(lists.one)).rejects.toEqual(rollback("thisUpdate is before"));
    expect(revoked()).toEqual([0x51, 0x52]);
  });

  it.each([
    ["of a later time", { thisUpdate: minutes(6) }, "NOT_YET_VALID"],
    ["that is over", { thisUpdate: minutes(-60), nextUpdate: minutes(-1) }, "EXPIRED"],
  ])("is not even read when it is one %s", async (_what, spec, code) => {
    await expect(readList(keeper, spec)).rejects.toMatchObject({ name: "CrlRefused", code });
  });

  it("is not even read when it is another CA's, or no list", async () => {
    const stranger = TestCa.create("Fleet");
    await expect(readList(keeper, stranger.crl())).rejects.toMatchObject({ code: "BAD_SIGNATURE" });
    await expect(readList(keeper, Buffer.from("<html>"))).rejects.toMatchObject({ code: "MALFORMED" });
    await expect(readList(keeper, fleetCa.certificate)).rejects.toMatchObject({ code: "MALFORMED" });
  });
});

describe("a CA that was built anew under the same name", () => {
  const rebuilt = TestCa.create("Fleet");
  const source = (...cas: TestCa[]) => ({
    ...sourceOf(listId),
    issuers: cas.map(({ certificate }) => parseCertificate(certificate)),
  });

  async function takeFrom(from: ListSource, spec: Partial<CrlSpec>) {
    const thread = keeper.read(from);
    thread.write(rebuilt.crl(spec));
    try {
      return await keeper.take(fleet, from, thread, "");
    } finally {
      await thread.stop();
    }
  }

  it("begins the numbers of its lists again", async () => {
    await take(lists.two);
    const first = { number: 1, thisUpdate: minutes(-9), revoked: [0x53] };
    expect(await takeFrom(source(rebuilt), first)).toBe("taken");
    expect(revoked()).toEqual([0x53]);
    const older = { number: 0, thisUpdate: minutes(-10) };
    await expect(takeFrom(source(rebuilt), older)).rejects.toEqual(rollback("thisUpdate is before"));
  });

  it("does not while its former key counts, too: then it changes its key", async () => {
    await take(lists.two);
    const first = { number: 1, thisUpdate: minutes(-9), revoked: [0x53] };
    await expect(takeFrom(source(rebuilt, fleetCa), first)).rejects.toEqual(rollback("thisUpdate is before"));
    expect(revoked()).toEqual([0x51, 0x52]);
  });
});

it("reports a list that lacks what the one before revoked, and takes it: certificates that are over may go", async () => {
  await take(lists.two);
  const thread = keeper.read(sourceOf(listId));
  thread.write(fleetCa.crl({ number: 3, thisUpdate: minutes(-7), revoked: [0x52] }));
  expect(await keeper.take(fleet, sourceOf(listId), thread, "")).toBe("taken");
  await thread.stop();
  const [warning] = log.lines.filter(({ level }) => level === "warn");
  expect(warning).toMatchObject({ list: listId, dropped: 1, entries: 1, message: expect.stringContaining("lacks") });
  expect(log.lines.filter(({ level }) => level === "info").length).toBe(2);
});

it("tells when a list was checked from when it changed, and why there is none", async () => {
  expect(keeper.whyNone(listId)).toBe("none was ever taken");
  await keeper.noteFailed(listId, "HTTP 500");
  expect(keeper.whyNone(listId)).toBe("none was ever taken; the fetch at 2026-06-01T12:00:00Z failed: HTTP 500");
  await take(lists.one);
  await keeper.noteChecked(listId);
  expect(keeper.checkOf(listId)).toEqual({ listId, checkedAtMs: NOW.getTime(), failedAtMs: undefined, failure: "" });
  const restarted = keeperOf(crls);
  await restarted.refresh();
  expect(restarted.checkOf(listId)).toEqual(keeper.checkOf(listId));
  expect(restarted.whyNone(listId)).toBe("it was over at 2049-01-01T00:00:00Z");
});

it("does not put in force what the storage does not have whole", async () => {
  await take(lists.one);
  const damaged = { ...crls, part: () => Promise.resolve(Buffer.from("something else")) };
  const restarted = keeperOf(damaged);
  await expect(restarted.refresh()).rejects.toThrow(/could not be read|MALFORMED|DER/);
  expect(restarted.find(listId)).toBeUndefined();
  const gone = keeperOf({ ...crls, part: () => Promise.resolve(undefined) });
  await gone.refresh();
  expect(gone.find(listId)).toBeUndefined();
});

it("follows all other lists when one of them cannot be read", async () => {
  const other = `${listId} too`;
  await take(lists.one);
  await takeList(keeper, other, lists.two);
  for (const broken of [listId, other]) {
    const restarted = keeperOf({
      ...storage.crls,
      heads: async () => (await storage.crls.heads()).filter((head) => [listId, other].includes(head.listId)),
      part: (head, index) =>
        head.listId === broken ? Promise.resolve(Buffer.from("something else")) : storage.crls.part(head, index),
    });
    await expect(restarted.refresh()).rejects.toThrow(/DER/);
    expect([listId, other].filter((id) => restarted.find(id))).toEqual(broken === other ? [listId] : [other]);
  }
});
