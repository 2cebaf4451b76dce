import { Command, CommanderError, Option } from "commander";
import { EXIT, UsageError } from "./exit-code.js";
import { environmentName, SETTINGS, type SettingName } from "./settings-names.js";
import { packageVersion } from "./version.js";

/** Runs the command line and sets the process's exit code. Each subcommand loads only what it needs. */
export async function main(argv: readonly string[]): Promise<void> {
  try {
    await program().parseAsync(argv);
  } catch (error) {
    process.exitCode = report(error);
  }
}

function report(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  if (error instanceof UsageError) {
    console.error(`tokens: ${error.message}`);
    return EXIT.usage;
  }
  console.error(error);
  return EXIT.unknown;
}

function program(): Command {
  const tokens = new Command("tokens")
    .description("The token server and its operator's commands.")
    .version(packageVersion())
    .exitOverride()
    .showHelpAfterError("(tokens --help says more)");
  addServe(tokens);
  addCheckToken(tokens);
  return tokens;
}

function addServe(tokens: Command): void {
  const serve = tokens
    .command("serve")
    .description("Run the server. Every setting is also an environment variable and a key of the settings file.");
  for (const name of Object.keys(SETTINGS) as SettingName[]) {
    const [value, meaning] = SETTINGS[name];
    serve.addOption(new Option(`--${name} <${value}>`, `${meaning} [${environmentName(name)}]`));
  }
  serve
    .option("--settings <FILE>", "settings file in YAML [TOKENS_SETTINGS]")
    .option("--json", "accepted for symmetry: output is JSON");
  serve.action(async (options: Record<string, string | undefined>) => {
    const [{ readSettings }, { serve: run }] = await Promise.all([import("./settings.js"), import("./serve.js")]);
    const flags = Object.fromEntries(serve.options.map((option) => [option.name(), options[option.attributeName()]]));
    await run(readSettings(flags, process.env, options["settings"] ?? process.env["TOKENS_SETTINGS"]));
  });
}

function addCheckToken(tokens: Command): void {
  tokens
    .command("check-token")
    .description("Check tokens offline, as a backend does. Exit code: 0 all good, 1 any refused, 3 any undecided.")
    .argument("[TOKEN...]", "tokens; '-' or none: one token a line from stdin")
    .requiredOption("--trust <URL|FILE>", "the token server's base URL, or a file with its certificates document")
    .option("--issuer <EMAIL>", "who must have issued the tokens (default: the account in the certificates document)")
    .option("--at <TIME>", "check as of this time, RFC 3339 (default: now)")
    .addOption(new Option("--kind <KIND>", "kind of token").choices(["machine"]).default("machine"))
    .option("--json", "one JSON object a line, also on a terminal")
    .action(async (given: string[], options: { trust: string; issuer?: string; at?: string; json?: true }) => {
      const { checkTokens } = await import("./check-token.js");
      process.exitCode = await checkTokens(given, options);
    });
}
