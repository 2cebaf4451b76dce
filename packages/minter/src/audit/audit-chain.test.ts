import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { extendChain, hashRecord, NO_RECORD } from "./audit-chain.js";
import type { AuditRecord, ChainHead } from "./audit-store.js";

const start: ChainHead = { chain: "c", sequence: 0, hash: NO_RECORD, timeMs: 0 };
const entry = (data: string) => ({ kind: "machine" as const, data });

describe("extendChain", () => {
  it("numbers records from 1 and names the hash of the one before", () => {
    const { records, head } = extendChain(start, [entry("a"), entry("b")], 1000);
    const [first, second] = records as [AuditRecord, AuditRecord];
    expect([first.sequence, second.sequence]).toEqual([1, 2]);
    expect(first.previous).toEqual(NO_RECORD);
    expect(second.previous).toEqual(hashRecord(first));
    expect(head).toEqual({ chain: "c", sequence: 2, hash: hashRecord(second), timeMs: 1000 });
  });

  it("goes on where it stopped, and does not go back in time", () => {
    const { head } = extendChain(start, [entry("a")], 1000);
    const { records } = extendChain(head, [entry("b")], 400);
    expect(records).toMatchObject([{ sequence: 2, timeMs: 1000, previous: head.hash }]);
  });

  it("leaves a head alone when there is nothing to add", () => {
    expect(extendChain(start, [], 0)).toEqual({ records: [], head: start });
  });
});

describe("hashRecord", () => {
  const record = extendChain(start, [entry('{"a":1}')], 1000).records[0] as AuditRecord;

  it("is 32 bytes and the same each time", () => {
    expect(hashRecord(record)).toHaveLength(32);
    expect(hashRecord({ ...record })).toEqual(hashRecord(record));
  });

  it.each<Partial<AuditRecord>>([
    { chain: "d" },
    { sequence: 2 },
    { kind: "refusal" },
    { timeMs: 1001 },
    { data: '{"a":2}' },
    { previous: new Uint8Array(32).fill(1) },
  ])("covers %o", (change) => {
    expect(hashRecord({ ...record, ...change })).not.toEqual(hashRecord(record));
  });

  it("tells any two chains of JSON texts apart", () => {
    const texts = fc.array(
      fc.json().filter((text) => !text.includes("\n")),
      { minLength: 1, maxLength: 4 },
    );
    fc.assert(
      fc.property(texts, texts, (a, b) => {
        const heads = [a, b].map((list) => extendChain(start, list.map(entry), 7).head.hash);
        expect(Buffer.compare(...(heads as [Uint8Array, Uint8Array])) === 0).toBe(
          JSON.stringify(a) === JSON.stringify(b),
        );
      }),
    );
  });
});
