import { create } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import { ExplainRequestSchema } from "@tokens/api/admin";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { silent } from "../../test/reports.js";
import { noMetrics } from "../metrics.js";
import { newReferenceId } from "../rpc/reference-id.js";
import { openSqliteStorage } from "../storage/sqlite.js";
import type { Storage } from "../storage/storage.js";
import { AuditLog } from "./audit-log.js";
import { explainRpc } from "./explain.js";

let storage: Storage;
let nowMs: number;
let log: AuditLog;
beforeEach(async () => {
  storage = await openSqliteStorage(":memory:");
  nowMs = Date.parse("2026-06-01T12:00:00Z");
  log = new AuditLog({ store: storage.audit, mode: "required", log: silent, metrics: noMetrics, clock: () => nowMs });
});
afterEach(async () => {
  await log.close();
  await storage.close();
});

const explain = (referenceId: string) => explainRpc(storage.audit)(create(ExplainRequestSchema, { referenceId }));
const refusal = (id: string, more: object = {}) =>
  log.record({ kind: "refusal", columns: { method: "M", caller: "user:a@x", reference_id: id, ...more } });

describe("Explain", () => {
  it("finds a refusal among many records, and says which rules were looked at", async () => {
    const id = newReferenceId(() => nowMs);
    await Promise.all(Array.from({ length: 1200 }, () => refusal(newReferenceId(() => nowMs))));
    nowMs += 2_000;
    const considered = [{ rule: "r", failed: "requestor" }, { rule: "s" }];
    await refusal(id, { reason: "PermissionDenied", detail: "no", policy_revision: "r1", considered });
    expect(await explain(id)).toMatchObject({
      method: "M",
      caller: "user:a@x",
      reason: "PermissionDenied",
      detail: "no",
      policyRevision: "r1",
      considered: [
        { rule: "r", failed: "requestor" },
        { rule: "s", failed: "" },
      ],
    });
  });

  it("finds a refusal that no rule decided", async () => {
    const id = newReferenceId(() => nowMs);
    await refusal(id);
    expect(await explain(id)).toMatchObject({ method: "M", policyRevision: "", considered: [] });
  });

  it("knows no other", async () => {
    await refusal(newReferenceId(() => nowMs));
    await expect(explain(newReferenceId(() => nowMs))).rejects.toMatchObject({ code: Code.NotFound });
    await expect(explain("nonsense")).rejects.toMatchObject({ code: Code.InvalidArgument });
  });

  it("is not led astray by a record that only mentions the id", async () => {
    const id = newReferenceId(() => nowMs);
    await log.record({ kind: "delegation", columns: { reference_id: id } });
    await refusal(
      newReferenceId(() => nowMs),
      { detail: id },
    );
    await expect(explain(id)).rejects.toMatchObject({ code: Code.NotFound });
  });
});
