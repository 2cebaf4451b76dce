import { beforeAll, describe, expect, it } from "vitest";
import { ChainWriter, makeCheckpointSigner } from "../../test/audit-fixture.js";
import { openSqliteStorage } from "../storage/sqlite.js";
import type { AuditRecord, StoredCheckpoint } from "./audit-store.js";
import { addCheckpoint } from "./checkpoint.js";
import { AuditVerifier, type VerifyAuditOptions } from "./verify-audit.js";

const START = 1_780_315_200_000;
const MINUTE = 60_000;

interface Log {
  checkpoints: StoredCheckpoint[];
  records: AuditRecord[];
}

const { signer, keys } = makeCheckpointSigner();
let good: Log;

/** Two chains of nine records, a checkpoint after each third of them. */
beforeAll(async () => {
  const { audit, close } = await openSqliteStorage(":memory:");
  const chains = ["a.machines", "b.machines"].map((name) => new ChainWriter(audit, name));
  for (let minute = 0; minute < 3; minute++) {
    for (const chain of chains) await chain.write(3, START + minute * MINUTE);
    const heads = chains.map(({ head }) => head);
    await addCheckpoint(audit, signer, { heads }, START + minute * MINUTE + 30_000);
  }
  const checkpoints = [...(await audit.checkpoints(0, 100))];
  const records = [
    ...(await audit.chainRecords("a.machines", 0, 100)),
    ...(await audit.chainRecords("b.machines", 0, 100)),
  ];
  good = { checkpoints, records };
  await close();
});

function verify({ checkpoints, records }: Log, options: Partial<VerifyAuditOptions> = {}) {
  const verifier = new AuditVerifier({ keys, nowMs: START + 3 * MINUTE, ...options });
  for (const checkpoint of checkpoints) verifier.checkpoint(checkpoint);
  for (const record of records) verifier.record(record);
  return verifier.report();
}

const codes = (log: Log, options?: Partial<VerifyAuditOptions>) =>
  verify(log, options).findings.map(({ code }) => code);

/** The log with the n-th record of the first chain changed, or removed. */
function without(n: number): Log {
  return { ...good, records: good.records.filter((_, index) => index !== n - 1) };
}

function changed(n: number, change: Partial<AuditRecord>): Log {
  return {
    ...good,
    records: good.records.map((record, index) => (index === n - 1 ? { ...record, ...change } : record)),
  };
}

describe("AuditVerifier", () => {
  it("finds nothing in a log that nobody touched", () => {
    expect(verify(good)).toEqual({ findings: [], chains: 2, records: 18, checkpoints: 3 });
  });

  it("does not care how the chains are mixed", () => {
    const records = good.records.toSorted((x, y) => x.timeMs - y.timeMs || x.chain.localeCompare(y.chain));
    expect(codes({ ...good, records })).toEqual([]);
  });

  it.each([1, 2, 3, 5, 8])("names the place when record %i is changed", (n) => {
    const { findings } = verify(changed(n, { data: '{"machine_fqdn":"evil.example.com"}' }));
    expect(findings[0]).toMatchObject({ code: "RECORD_CHANGED", chain: "a.machines" });
    expect(Math.abs((findings[0]?.sequence ?? 0) - n)).toBeLessThanOrEqual(1);
  });

  it("notices that the last record is changed", () => {
    expect(codes(changed(9, { data: "{}" }))).toEqual(["RECORD_CHANGED"]);
  });

  it.each<Partial<AuditRecord>>([{ kind: "refusal" }, { timeMs: START + 1 }, { previous: new Uint8Array(32) }])(
    "notices that a record has %o",
    (change) => expect(codes(changed(5, change))).toContain("RECORD_CHANGED"),
  );

  it.each([1, 4, 7])("names the gap when record %i is missing", (n) => {
    expect(verify(without(n)).findings[0]).toMatchObject({ code: "RECORD_GAP", chain: "a.machines", sequence: n + 1 });
  });

  it("notices that the end of a chain is missing, or all of it", () => {
    expect(codes({ ...good, records: good.records.slice(0, -2) })).toEqual(["RECORDS_MISSING"]);
    expect(codes({ ...good, records: good.records.slice(0, 9) })).toEqual(["RECORDS_MISSING"]);
  });

  it("notices a checkpoint that is missing, at the start, in the middle", () => {
    const omit = (n: number) => ({ ...good, checkpoints: good.checkpoints.filter(({ number }) => number !== n) });
    expect(codes(omit(1))).toContain("CHECKPOINT_GAP");
    expect(codes(omit(2))).toContain("CHECKPOINT_GAP");
  });

  it("notices a checkpoint that says something else", () => {
    const forge = (checkpoint: StoredCheckpoint) => ({
      ...checkpoint,
      body: checkpoint.body.replace("a.mach", "c.mach"),
    });
    const checkpoints = good.checkpoints.map((each) => (each.number === 2 ? forge(each) : each));
    expect(codes({ ...good, checkpoints })).toContain("BAD_SIGNATURE");
  });

  it("does not believe a checkpoint of another key", () => {
    const other = makeCheckpointSigner();
    expect(codes(good, { keys: other.keys })).toContain("UNKNOWN_KEY");
  });

  it("notices a record that had no checkpoint for more than five minutes", () => {
    const checkpoints = good.checkpoints.slice(0, 2);
    const at = (minutes: number) => codes({ ...good, checkpoints }, { nowMs: START + minutes * MINUTE });
    expect(at(7)).toEqual([]);
    expect(at(8)).toEqual(["NOT_CHECKPOINTED", "NOT_CHECKPOINTED"]);
  });

  it("verifies the part of a log from some time on", () => {
    const sinceMs = START + MINUTE;
    const records = good.records.filter(({ timeMs }) => timeMs >= sinceMs);
    expect(codes({ ...good, records }, { sinceMs })).toEqual([]);
    expect(codes({ ...good, records: records.toSpliced(1, 1) }, { sinceMs })).toEqual(["RECORD_GAP"]);
  });
});
