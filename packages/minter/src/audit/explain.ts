import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Code } from "@connectrpc/connect";
import { type ExplainRequest, type ExplainResponse, ExplainResponseSchema } from "@tokens/api/admin";
import { type ConsideredRule, refuseCall } from "../errors.js";
import { timeOfReferenceId } from "../rpc/reference-id.js";
import type { AuditRecord, AuditStore } from "./audit-store.js";

/** How long before and after its second a refusal may be on record, in milliseconds: commits wait for the storage. */
const BEFORE_MS = 5_000;
const AFTER_MS = 300_000;

/** Records that are read at once. */
const PAGE = 1_000;

/** The columns of a refusal that explain it. */
interface RefusalColumns {
  readonly method?: string;
  readonly caller?: string;
  readonly reason?: string;
  readonly detail?: string;
  readonly policy_revision?: string;
  readonly considered?: readonly ConsideredRule[];
  readonly reference_id?: string;
}

/** The RPC Explain: finds the record of a refusal by its reference id. */
export function explainRpc(store: AuditStore): (request: ExplainRequest) => Promise<ExplainResponse> {
  return async ({ referenceId }) => {
    const timeMs = timeOfReferenceId(referenceId);
    if (timeMs === undefined) {
      throw refuseCall(Code.InvalidArgument, "a reference id is 16 hex digits, as in the header X-Tokens-Reference");
    }
    const record = await findRefusal(store, referenceId, timeMs);
    if (!record) {
      throw refuseCall(
        Code.NotFound,
        "no refusal of that id is on record: strangers are only counted, and records age",
      );
    }
    return answer(record);
  };
}

async function findRefusal(store: AuditStore, referenceId: string, timeMs: number): Promise<AuditRecord | undefined> {
  let position = { timeMs: timeMs - BEFORE_MS, chain: "", sequence: 0 };
  for (;;) {
    const page = await store.records(position, PAGE);
    const found = page.find((record) => record.kind === "refusal" && columnsOf(record).reference_id === referenceId);
    const last = page.at(-1);
    if (found || !last || last.timeMs > timeMs + AFTER_MS) return found;
    position = { timeMs: last.timeMs, chain: last.chain, sequence: last.sequence };
  }
}

/** The server wrote this JSON itself. */
function columnsOf({ data }: AuditRecord): RefusalColumns {
  return JSON.parse(data) as RefusalColumns;
}

function answer(record: AuditRecord): ExplainResponse {
  const {
    method = "",
    caller = "",
    reason = "",
    detail = "",
    policy_revision: policyRevision = "",
    considered = [],
  } = columnsOf(record);
  return create(ExplainResponseSchema, {
    time: timestampFromMs(record.timeMs),
    method,
    caller,
    reason,
    detail,
    policyRevision,
    considered: considered.map(({ rule, failed }) => ({ rule, failed: failed ?? "" })),
  });
}
