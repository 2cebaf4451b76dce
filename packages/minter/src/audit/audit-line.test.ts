import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { AuditLineError, checkpointLine, exportLine, keyLine, parseAuditLine, recordLine } from "./audit-line.js";
import type { AuditRecord } from "./audit-store.js";

const record: AuditRecord = {
  chain: "00ff.machines",
  sequence: 7,
  kind: "machine",
  timeMs: Date.parse("2026-06-01T12:00:00.123Z"),
  data: '{"fingerprint":"ab","machine_fqdn":"host-1.example.com"}',
  previous: Buffer.alloc(32, 1),
};

describe("a record's line", () => {
  it("has LUCI's columns on top, and ours beside them", () => {
    expect(JSON.parse(recordLine(record))).toEqual({
      fingerprint: "ab",
      machine_fqdn: "host-1.example.com",
      audit: {
        id: "00ff.machines.7",
        kind: "machine",
        table: "machine_tokens",
        chain: "00ff.machines",
        sequence: 7,
        time: "2026-06-01T12:00:00.123Z",
        previous: "01".repeat(32),
      },
    });
  });

  it("gives the record back, byte for byte, whatever its columns hold", () => {
    const columns = fc.dictionary(fc.stringMatching(/^[a-z_]{1,12}$/), fc.jsonValue());
    fc.assert(
      fc.property(columns, (values) => {
        fc.pre(!Object.hasOwn(values, "audit") && !["export", "key", "checkpoint"].some((name) => name in values));
        const odd = { ...record, data: JSON.stringify(values) };
        expect(parseAuditLine(recordLine(odd))).toEqual({ type: "record", record: odd });
      }),
    );
  });
});

describe("the other lines", () => {
  it("give back what they were made of", () => {
    const checkpoint = { number: 3, timeMs: 5, body: '{"number":3}', keyId: "k", signature: Buffer.of(0, 255) };
    expect(parseAuditLine(checkpointLine(checkpoint))).toEqual({ type: "checkpoint", checkpoint });
    const key = { keyId: "k", certificatePem: "-----BEGIN" };
    expect(parseAuditLine(keyLine(key))).toEqual({ type: "key", key });
    expect(parseAuditLine(exportLine(record.timeMs))).toEqual({ type: "export", sinceMs: record.timeMs });
    expect(parseAuditLine(exportLine(undefined))).toEqual({ type: "export", sinceMs: undefined });
  });
});

it.each([
  ["no JSON", "hello"],
  ["a number", "7"],
  ["nothing", "null"],
  ["no record", "{}"],
  ["a record without a chain", '{"audit":{"sequence":1}}'],
  ["a sequence that is none", recordLine(record).replace('"sequence":7', '"sequence":"7"')],
  ["a time that is none", recordLine(record).replace("2026-06-01T", "2026-13-01T")],
])("%s is no line of an export", (_, line) => {
  expect(() => parseAuditLine(line)).toThrow(AuditLineError);
});
