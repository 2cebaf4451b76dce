import { createSelfSignedCertificate, toPem } from "@tokens/pki/x509";
import { beforeAll, describe, expect, it } from "vitest";
import { ChainWriter, makeCheckpointSigner } from "../../test/audit-fixture.js";
import { openSqliteStorage } from "../storage/sqlite.js";
import { type AuditKey, AuditLineError, parseAuditLine } from "./audit-line.js";
import { addCheckpoint } from "./checkpoint.js";
import { exportAudit, type ExportAuditOptions } from "./export-audit.js";
import { removeOldRecords } from "./retention.js";
import { verifyAuditExport } from "./verify-audit-export.js";

const START = 1_780_315_200_000;
const MINUTE = 60_000;
const { signer, privateKey } = makeCheckpointSigner();

/** A log of two chains over some minutes, with a checkpoint each minute. */
async function openLog(minutes = 3, perMinute = 2) {
  const storage = await openSqliteStorage(":memory:");
  const chains = ["a.machines", "b.machines"].map((name) => new ChainWriter(storage.audit, name));
  for (let minute = 0; minute < minutes; minute++) {
    for (const chain of chains) await chain.write(perMinute, START + minute * MINUTE);
    await addCheckpoint(storage.audit, signer, { heads: chains.map(({ head }) => head) }, START + minute * MINUTE + 1);
  }
  return { storage, store: storage.audit, chains };
}

/** The key of the checkpoints as an export names it. */
const certificates: AuditKey[] = [];
beforeAll(async () => {
  const [notBefore, notAfter] = [new Date(START), new Date(START + 1e12)];
  const der = await createSelfSignedCertificate({ privateKey, commonName: "audit", notBefore, notAfter });
  certificates.push({ keyId: signer.keyId, certificatePem: toPem("CERTIFICATE", der) });
});

async function linesOf(store: Parameters<typeof exportAudit>[0], options: ExportAuditOptions = {}): Promise<string[]> {
  const lines: string[] = [];
  for await (const page of exportAudit(store, certificates, options)) lines.push(...page);
  return lines;
}

const recordsOf = (lines: readonly string[]) =>
  lines.map(parseAuditLine).flatMap((line) => (line.type === "record" ? [line.record] : []));

describe("exportAudit", () => {
  it("has every record once, oldest first", async () => {
    const { store, storage } = await openLog(3, 700);
    const records = recordsOf(await linesOf(store));
    expect(records).toHaveLength(3 * 2 * 700);
    expect(new Set(records.map(({ chain, sequence }) => `${chain}${sequence}`)).size).toBe(4200);
    const times = records.map(({ timeMs }) => timeMs);
    expect(times).toEqual(times.toSorted((x, y) => x - y));
    await storage.close();
  });

  it("begins at a time, that moment included", async () => {
    const { store, storage } = await openLog();
    const records = recordsOf(await linesOf(store, { sinceMs: START + MINUTE }));
    expect(records.map(({ timeMs }) => timeMs)).toEqual([1, 1, 1, 1, 2, 2, 2, 2].map((m) => START + m * MINUTE));
    await storage.close();
  });

  it("has only records when kinds are asked for", async () => {
    const { store, storage } = await openLog();
    const lines = (await linesOf(store, { kinds: ["machine"] })).map(parseAuditLine);
    expect(new Set(lines.map(({ type }) => type))).toEqual(new Set(["record"]));
    expect(await linesOf(store, { kinds: ["operation"] })).toEqual([]);
    await storage.close();
  });

  it("goes on with what comes, each record once, old chains and new ones", async () => {
    const { store, storage, chains } = await openLog();
    const stop = new AbortController();
    const seen: string[] = [];
    const following = (async () => {
      const options = { sinceMs: START + 2 * MINUTE, follow: stop.signal };
      for await (const page of exportAudit(store, [], options)) {
        seen.push(...recordsOf(page).map(({ chain, sequence }) => `${chain}${sequence}`));
      }
    })();
    await expect.poll(() => seen.length).toBe(4);
    await chains[0]?.write(2, START + MINUTE);
    await new ChainWriter(store, "c.machines").write(1, START);
    await expect.poll(() => seen.slice(4)).toEqual(["a.machines7", "a.machines8", "c.machines1"]);
    stop.abort();
    await following;
    await storage.close();
  });
});

describe("verifyAuditExport", () => {
  async function* each(lines: readonly string[]) {
    yield* lines;
  }
  const verify = (lines: readonly string[], trustedKeyIds?: string[]) =>
    verifyAuditExport(each(lines), { nowMs: START + 3 * MINUTE, ...(trustedKeyIds ? { trustedKeyIds } : {}) });

  it("finds nothing in an export that nobody touched, whole or from a time on", async () => {
    const { store, storage } = await openLog();
    expect(await verify(await linesOf(store))).toMatchObject({ findings: [], records: 12, keys: [signer.keyId] });
    expect(await verify(await linesOf(store, { sinceMs: START + MINUTE }))).toMatchObject({ findings: [], records: 8 });
    await storage.close();
  });

  it("finds a line that was changed or taken out", async () => {
    const { store, storage } = await openLog();
    const lines = await linesOf(store);
    const place = lines.findIndex((line) => line.includes("host-3.example.com"));
    const changed = lines.with(place, (lines[place] ?? "").replace("host-3", "host-9"));
    expect((await verify(changed)).findings[0]?.code).toBe("RECORD_CHANGED");
    expect((await verify(lines.toSpliced(place, 1))).findings[0]?.code).toBe("RECORD_GAP");
    await storage.close();
  });

  it("believes only the keys it is told to", async () => {
    const { store, storage } = await openLog();
    const lines = await linesOf(store);
    expect((await verify(lines, [signer.keyId])).findings).toEqual([]);
    expect((await verify(lines, ["another"])).findings[0]?.code).toBe("UNKNOWN_KEY");
    await storage.close();
  });

  it("finds nothing when old records are removed while it is exported", async () => {
    const { store, storage } = await openLog(4, 600);
    const ages = { machines: 2 * MINUTE, decisions: 2 * MINUTE };
    const lines: string[] = [];
    for await (const page of exportAudit(store, certificates)) {
      lines.push(...page);
      if (lines.length > 600) {
        await removeOldRecords({ store, signer, ages, pause: () => Promise.resolve() }, START + 4 * MINUTE);
      }
    }
    const report = await verify(lines);
    expect(report.findings).toEqual([]);
    expect(report.records).toBeLessThan(4800);
    await storage.close();
  });

  it("does not verify what leaves records out", async () => {
    const { store, storage } = await openLog();
    await expect(verify(await linesOf(store, { kinds: ["machine"] }))).rejects.toThrow(AuditLineError);
    await expect(verify([])).rejects.toThrow("empty");
    await storage.close();
  });
});
