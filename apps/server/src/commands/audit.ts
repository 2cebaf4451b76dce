import { type Command, Option } from "commander";
import type { AuditSource } from "../audit.js";
import { adminServer } from "./admin-server.js";

const json = () => new Option("--json", "accepted for symmetry: output is JSON");

/** `tokens audit`: what was minted and refused, and whether anybody changed the record of it. */
export function addAudit(tokens: Command): void {
  const audit = tokens.command("audit").description("Read and verify the audit log.");
  audit
    .command("export")
    .description("Print the audit log as NDJSON, oldest record first, with LUCI's column names.")
    .option("--since <TIME>", "records from this time on, RFC 3339")
    .option("--kind <KIND...>", "only records of these kinds (such an export cannot be verified)")
    .addOption(adminServer())
    .addOption(json())
    .action(async (options: AuditSource) => {
      const { printAudit } = await import("../audit.js");
      await printAudit(options);
    });
  audit
    .command("tail")
    .description("Print new records as they come, until Ctrl-C.")
    .option("--since <TIME>", "begin with records from this time on, RFC 3339 (default: now)")
    .option("--kind <KIND...>", "only records of these kinds")
    .addOption(adminServer())
    .addOption(json())
    .action(async (options: AuditSource) => {
      const { followAudit } = await import("../audit.js");
      await followAudit(options);
    });
  audit
    .command("verify")
    .description(
      "Verify that no record was changed or removed. Exit code: 0 nobody did, 1 somebody did, 3 cannot tell.",
    )
    .option("--export <FILE>", "verify an export (- is stdin) instead of a server's log")
    .option("--storage <FILE|URL>", "verify a server's storage directly")
    .option("--key <ID...>", "believe only checkpoints of these keys (default: those that the log names)")
    .addOption(adminServer())
    .option("--json", "print the report as one JSON object")
    .action(async (options: AuditSource) => {
      const { verifyAudit } = await import("../audit.js");
      process.exitCode = await verifyAudit(options);
    });
  audit
    .command("schema")
    .description("Print the BigQuery schemas of LUCI's four tables, or of one of them.")
    .argument("[TABLE]", "machine_tokens, delegation_tokens, project_tokens or service_account_tokens")
    .addOption(json())
    .action(async (table: string | undefined) => {
      const { printSchema } = await import("../audit-schema.js");
      printSchema(table);
    });
}
