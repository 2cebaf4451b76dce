import type { Command } from "commander";
import type { InspectOptions } from "../inspect-token.js";

/** `tokens inspect`: what a token says, and what its server says of it. */
export function addInspect(tokens: Command): void {
  tokens
    .command("inspect")
    .description(
      "Say everything about a machine or delegation token, signed or not; with a server, also whether it is good. " +
        "Exit code: 0 done, 1 not a token or not good, 3 unreachable.",
    )
    .argument("<TOKEN>", "the token; '-' is stdin")
    .option("--server <URL>", "ask this server's admin listener, for example unix:./data/admin.sock [TOKENS_SERVER]")
    .option("--json", "one JSON object")
    .action(async (token: string, options: InspectOptions) => {
      const { inspectToken } = await import("../inspect-token.js");
      process.exitCode = await inspectToken(token, options);
    });
}
