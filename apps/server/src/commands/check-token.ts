import { type Command, Option } from "commander";
import type { CheckTokenOptions } from "../check-token.js";

/** `tokens check-token`: the check that backends make, by hand. */
export function addCheckToken(tokens: Command): void {
  tokens
    .command("check-token")
    .description("Check tokens offline, as a backend does. Exit code: 0 all good, 1 any refused, 3 any undecided.")
    .argument("[TOKEN...]", "tokens; '-' or none: one token a line from stdin")
    .requiredOption(
      "--trust <URL|FILE>",
      "the token server's base URL, or a file with its trust bundle or certificates",
    )
    .option("--issuer <EMAIL>", "who must have issued the tokens (default: the account that the trust is of)")
    .option("--at <TIME>", "check as of this time, RFC 3339 (default: now)")
    .addOption(new Option("--kind <KIND>", "kind of token").choices(["machine", "delegation"]).default("machine"))
    .option("--service <ID>", "at which service, like service:files (delegation tokens need it)")
    .option("--audience <NAME>", "name of the service in the audience of machine tokens (default: as --service)")
    .option(
      "--peer <IDENTITY>",
      "who sends a delegation token, like bot:host.example.com (default: anonymous:anonymous)",
    )
    .option("--groups <FILE>", "JSON object of who is in which group: group → identities")
    .option("--json", "one JSON object a line, also on a terminal")
    .action(async (given: string[], options: CheckTokenOptions) => {
      const { checkTokens } = await import("../check-token.js");
      process.exitCode = await checkTokens(given, options);
    });
}
