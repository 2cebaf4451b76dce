import type { Command } from "commander";
import { adminServer } from "./admin-server.js";

/** `tokens explain`: why a call was refused. */
export function addExplain(tokens: Command): void {
  tokens
    .command("explain")
    .description("Say why a call was refused: the rules that were looked at, and where each failed first.")
    .argument("<ID>", "the refusal's reference id, from its header X-Tokens-Reference or the log")
    .addOption(adminServer())
    .option("--json", "print one JSON object")
    .action(async (id: string, options: { server?: string; json?: true }) => {
      const { explainRefusal } = await import("../explain-refusal.js");
      await explainRefusal(id, options);
    });
}
