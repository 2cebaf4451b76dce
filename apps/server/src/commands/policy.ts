import type { Command } from "commander";
import type { CheckPolicyOptions } from "../check-policy.js";
import { adminServer } from "./admin-server.js";

const collect = (host: string, hosts: readonly string[] = []) => [...hosts, host];

/** `tokens policy …`: look after the policy files. */
export function addPolicy(tokens: Command): void {
  const policy = tokens.command("policy").description("Look after the policy files.");
  policy
    .command("check")
    .description("Check all policy files of a folder, and run the tests in them. Exit code: 0 good, 1 any error.")
    .argument("<DIR>", "the config folder")
    .option("--staging", "as a server with --staging reads them")
    .option(
      "--allow-crl-host <HOST:PORT>",
      "as for the server: its lists may have a private address (repeatable)",
      collect,
    )
    .option("--json", "one JSON object a line for each problem")
    .action(async (folder: string, options: CheckPolicyOptions) => {
      const { checkPolicy } = await import("../check-policy.js");
      process.exitCode = await checkPolicy(folder, options);
    });
  policy
    .command("import")
    .description("Make a server read its policy files now, all or none, and say what changed.")
    .addOption(adminServer())
    .option("--json", "print one JSON object")
    .action(async (options: { server?: string; json?: true }) => {
      const { importPolicy } = await import("../import-policy.js");
      await importPolicy(options);
    });
}
