import { create } from "@bufbuild/protobuf";
import { timestampMs } from "@bufbuild/protobuf/wkt";
import { Code, type HandlerContext } from "@connectrpc/connect";
import { type ExportAuditRequest, type ExportAuditResponse, ExportAuditResponseSchema } from "@tokens/api/admin";
import { refuseCall } from "../errors.js";
import { AUDIT_KINDS, type AuditStore } from "./audit-store.js";
import type { AuditKey } from "./audit-line.js";
import { exportAudit } from "./export-audit.js";

/** The RPC ExportAudit. */
export function exportAuditRpc(
  store: AuditStore,
  keys: () => Promise<readonly AuditKey[]>,
): (request: ExportAuditRequest, context: HandlerContext) => AsyncGenerator<ExportAuditResponse> {
  return async function* ({ since, kinds, follow }, { signal }) {
    const unknown = kinds.find((kind) => !(AUDIT_KINDS as readonly string[]).includes(kind));
    if (unknown !== undefined) {
      throw refuseCall(
        Code.InvalidArgument,
        `no such kind ${JSON.stringify(unknown)}; there are ${AUDIT_KINDS.join(", ")}`,
      );
    }
    const options = {
      kinds,
      ...(since ? { sinceMs: timestampMs(since) } : {}),
      ...(follow ? { follow: signal } : {}),
    };
    for await (const lines of exportAudit(store, await keys(), options)) {
      if (lines.length > 0) yield create(ExportAuditResponseSchema, { lines });
    }
  };
}
