import { type Command, Option } from "commander";
import type { MintDelegationOptions } from "../mint-delegation.js";

/** `tokens mint …`: get a token with a caller's credential. */
export function addMint(tokens: Command): void {
  const mint = tokens.command("mint").description("Get a token with a credential of yours, and print it.");
  mint
    .command("delegation")
    .description("A token with which others act for somebody, where one rule of delegation.cfg allows it.")
    .option("--identity <IDENTITY>", "whom the bearer acts as", "REQUESTOR")
    .requiredOption("--audience <ENTRY...>", "who may use it: identities, group:<name>, REQUESTOR or *")
    .requiredOption("--service <SERVICE...>", "where it counts: service:<id> or *")
    .option("--validity <DURATION>", "how long it lives, like 10m (default 1h)")
    .option("--tag <KEY:VALUE...>", "tags that are copied into the token")
    .option("--intent <TEXT>", "why it is wanted, for the audit record")
    .option("--bearer-file <FILE>", "a JWT of an OpenID issuer that the server knows; - is stdin [TOKENS_BEARER]")
    .option("--machine-token-file <FILE>", "a machine token, or a token file of tokend")
    .addOption(new Option("--server <URL>", "the server, for example http://127.0.0.1:8080 [TOKENS_SERVER]"))
    .option("--json", "print one JSON object: token and subtoken")
    .action(async (options: MintDelegationOptions) => {
      const { mintDelegation } = await import("../mint-delegation.js");
      await mintDelegation(options);
    });
}
