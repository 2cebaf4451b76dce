import { create } from "@bufbuild/protobuf";
import { type Timestamp, timestampFromMs, TimestampSchema } from "@bufbuild/protobuf/wkt";
import { type Client, Code } from "@connectrpc/connect";
import type { Operator } from "@tokens/api/admin";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { codeOf, KeptRecords, operatorClient } from "../../test/operator-client.js";
import { silent } from "../../test/reports.js";
import { noMetrics } from "../metrics.js";
import { openSqliteStorage } from "../storage/sqlite.js";
import type { Storage } from "../storage/storage.js";
import { StorageUnavailable } from "../storage/storage-unavailable.js";
import { forgetfulNumber } from "./published-number.js";
import { RevocationFeed } from "./revocation-feed.js";
import { revocationsRpcs } from "./revocations-rpc.js";

const NOW_MS = Date.parse("2030-01-01T00:00:00Z");
const NOW = NOW_MS / 1000;
const FINGERPRINT = "00112233445566778899aabbccddeeff";
const owners = new Map([
  [7n, "Fleet CA"],
  [8n, "Other CA"],
  [9n, "Fleet CA"],
]);

let storage: Storage;
let feed: RevocationFeed;
let operator: Client<typeof Operator>;
let records: KeptRecords;
beforeEach(async () => {
  storage = await openSqliteStorage(":memory:");
  feed = await RevocationFeed.open({
    store: storage.feed,
    keys: () => [],
    refreshKeys: () => Promise.resolve(),
    published: forgetfulNumber(),
    rollback: "refuse",
    log: silent,
    metrics: noMetrics,
    clock: () => NOW_MS,
  });
  records = new KeptRecords();
  const { recorder } = records;
  const rpcs = {
    feed,
    recorder,
    caOwners: () => Promise.resolve(owners),
    serviceVersion: "app/1",
    clock: () => NOW_MS,
  };
  operator = operatorClient(revocationsRpcs(rpcs));
});
afterEach(async () => {
  await feed.stop();
  await storage.close();
});

const inFeed = () => feed.current().feed.entries.map(({ subject, until }) => [subject, until]);

describe("the RPCs that revoke", () => {
  it("revoke a machine in whatever letters, and say who did it and why", async () => {
    const { entry } = await operator.revokeMachine({ fqdn: "Host.Example.COM", reason: "stolen" });
    expect(entry).toMatchObject({ kind: "machine", subject: "host.example.com", reason: "stolen", revokedBy: "local" });
    expect(entry?.until).toBeUndefined();
    expect(inFeed()).toEqual([[{ kind: "machine", fqdn: "host.example.com" }, Number.POSITIVE_INFINITY]]);
    const what = { subject_kind: "machine", subject: "host.example.com", detail: "stolen" };
    const columns = { method: "RevokeMachine", caller: "local", ...what, feed_number: Number(entry?.number) };
    expect(records.entries).toMatchObject([{ kind: "operation", columns }]);
  });

  it("revoke until a time, to the end of its second", async () => {
    await operator.revokeMachine({ fqdn: "a.example.com", until: timestampFromMs(NOW_MS + 1500) });
    await operator.revokeToken({ fingerprint: FINGERPRINT.toUpperCase(), until: timestampFromMs(NOW_MS + 2000) });
    expect(inFeed().map(([, until]) => until)).toEqual([NOW + 2, NOW + 2]);
  });

  it("revoke a token for as long as any that is there now can live", async () => {
    await operator.revokeToken({ fingerprint: FINGERPRINT });
    expect(inFeed()).toEqual([[{ kind: "token", fingerprint: FINGERPRINT }, NOW + 87_000]]);
  });

  it("revoke a CA under all ids that it ever had", async () => {
    const revoked = await operator.revokeCA({ cn: "Fleet CA", reason: "its key is out" });
    expect(revoked.entries.map(({ subject }) => subject)).toEqual(["7", "9"]);
    expect(inFeed().map(([subject]) => subject)).toEqual([
      { kind: "ca", caId: 7n },
      { kind: "ca", caId: 9n },
    ]);
    expect(await codeOf(operator.revokeCA({ cn: "No such CA" }))).toBe(Code.NotFound);
  });

  it("take a machine back, once", async () => {
    await operator.revokeMachine({ fqdn: "host.example.com" });
    const { entries: gone } = await operator.unrevokeMachine({ fqdn: "HOST.example.com" });
    expect(gone.map(({ subject }) => subject)).toEqual(["host.example.com"]);
    expect([inFeed(), records.entries.length]).toEqual([[], 2]);
    expect(await codeOf(operator.unrevokeMachine({ fqdn: "host.example.com" }))).toBe(Code.NotFound);
  });

  it("list what is revoked, all or of a kind", async () => {
    await operator.revokeMachine({ fqdn: "host.example.com" });
    await operator.revokeCA({ cn: "Other CA" });
    const { number, entries: all } = await operator.listRevocations({});
    expect([Number(number), all.map(({ kind }) => kind)]).toEqual([feed.current().feed.number, ["machine", "ca"]]);
    expect((await operator.listRevocations({ kind: "ca" })).entries.map(({ subject }) => subject)).toEqual(["8"]);
    expect(await codeOf(operator.listRevocations({ kind: "colour" }))).toBe(Code.InvalidArgument);
  });

  const past = timestampFromMs(NOW_MS);
  const never = create(TimestampSchema, { seconds: 2n ** 60n });
  it.each<[string, string, Timestamp | undefined]>([
    ["a name without a domain", "host", undefined],
    ["an address of mail", "user@host.example.com", undefined],
    ["a pattern", "*.example.com", undefined],
    ["no name", "", undefined],
    ["a time that has passed", "host.example.com", past],
    ["a time that is none", "host.example.com", never],
  ])("refuse %s", async (_, fqdn, until) => {
    expect(await codeOf(operator.revokeMachine({ fqdn, ...(until ? { until } : {}) }))).toBe(Code.InvalidArgument);
    expect([inFeed(), records.entries]).toEqual([[], []]);
  });

  it("refuse what is no fingerprint, and reasons without end", async () => {
    for (const fingerprint of ["", "00", `${FINGERPRINT}0`, "g".repeat(32)]) {
      expect(await codeOf(operator.revokeToken({ fingerprint }))).toBe(Code.InvalidArgument);
    }
    expect(await codeOf(operator.revokeToken({ fingerprint: FINGERPRINT, reason: "x".repeat(501) }))).toBe(
      Code.InvalidArgument,
    );
    expect(inFeed()).toEqual([]);
  });

  it("do not say that all is well when the record is missing", async () => {
    records.failure = new StorageUnavailable("the database is gone");
    expect(await codeOf(operator.revokeMachine({ fqdn: "host.example.com" }))).toBe(Code.Unavailable);
  });
});
