import { type Command, Option } from "commander";
import type { MintProjectOptions, MintServiceAccountOptions } from "../mint-account-token.js";
import type { MintDelegationOptions } from "../mint-delegation.js";
import { TOKEN_FORMATS } from "../token-formats.js";

/** `tokens mint …`: get a token with a caller's credential. */
export function addMint(tokens: Command): void {
  const mint = tokens.command("mint").description("Get a token with a credential of yours, and print it.");
  addDelegation(mint);
  addProject(mint);
  addServiceAccount(mint);
}

function addDelegation(mint: Command): void {
  const delegation = mint
    .command("delegation")
    .description("A token with which others act for somebody, where one rule of delegation.cfg allows it.")
    .option("--identity <IDENTITY>", "whom the bearer acts as", "REQUESTOR")
    .requiredOption("--audience <ENTRY...>", "who may use it: identities, group:<name>, REQUESTOR or *")
    .requiredOption("--service <SERVICE...>", "where it counts: service:<id> or *")
    .option("--validity <DURATION>", "how long it lives, like 10m (default 1h)")
    .option("--tag <KEY:VALUE...>", "tags that are copied into the token")
    .option("--intent <TEXT>", "why it is wanted, for the audit record");
  addCaller(delegation)
    .option("--json", "print one JSON object: token and subtoken")
    .action(async (options: MintDelegationOptions) => {
      const { mintDelegation } = await import("../mint-delegation.js");
      await mintDelegation(options);
    });
}

function addProject(mint: Command): void {
  const project = mint
    .command("project")
    .description("An access token of a project's service account, for members of the group auth-project-actors.")
    .requiredOption("--project <NAME>", "name of the project, as in projects.cfg")
    .requiredOption("--scope <SCOPE...>", "OAuth2 scopes of the token");
  addPrinting(addCaller(project)).action(async (options: MintProjectOptions) => {
    const { mintProject } = await import("../mint-account-token.js");
    await mintProject(options);
  });
}

function addServiceAccount(mint: Command): void {
  const account = mint
    .command("service-account")
    .description("A token of a service account, for those who may use the accounts of its realm.")
    .requiredOption("--account <EMAIL>", "e-mail of the service account")
    .requiredOption("--realm <PROJECT:REALM>", "where it is used, as in realms.cfg")
    .option("--scope <SCOPE...>", "OAuth2 scopes: print an access token")
    .option("--audience <TEXT>", "who shall accept it: print an ID token");
  addPrinting(addCaller(account)).action(async (options: MintServiceAccountOptions) => {
    const { mintServiceAccount } = await import("../mint-account-token.js");
    await mintServiceAccount(options);
  });
}

function addCaller(command: Command): Command {
  return command
    .option("--bearer-file <FILE>", "a JWT of an OpenID issuer that the server knows; - is stdin [TOKENS_BEARER]")
    .option("--machine-token-file <FILE>", "a machine token, or a token file of tokend")
    .addOption(new Option("--server <URL>", "the server, for example http://127.0.0.1:8080 [TOKENS_SERVER]"));
}

function addPrinting(command: Command): Command {
  const format = "print it bare, as Google's libraries want it of an executable, or as kubectl wants it of a plugin";
  return command
    .option("--min-validity <DURATION>", "how long it must live at least (default 5m)")
    .option("--tag <KEY:VALUE...>", "tags for the audit record")
    .addOption(new Option("--format <FORMAT>", format).choices(TOKEN_FORMATS).default("token"))
    .option("--json", "print one JSON object: token, serviceAccount, expiry");
}
