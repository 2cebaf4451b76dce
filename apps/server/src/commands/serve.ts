import { type Command, Option } from "commander";
import { environmentName, REPEATABLE, SETTINGS, type SettingName } from "../settings-names.js";

/** `tokens serve`: the server. */
export function addServe(tokens: Command): void {
  const serve = tokens
    .command("serve")
    .description("Run the server. Every setting is also an environment variable and a key of the settings file.");
  for (const name of Object.keys(SETTINGS) as SettingName[]) {
    const [value, meaning] = SETTINGS[name];
    const argument = value === "" ? "" : ` <${value}>`;
    const option = new Option(`--${name}${argument}`, `${meaning} [${environmentName(name)}]`);
    serve.addOption(REPEATABLE.has(name) ? option.argParser(collect) : option);
  }
  serve
    .option("--settings <FILE>", "settings file in YAML [TOKENS_SETTINGS]")
    .option("--json", "accepted for symmetry: output is JSON");
  serve.action(async (options: Record<string, string | undefined>) => {
    const [{ readSettings }, { serve: run }] = await Promise.all([import("../settings.js"), import("../serve.js")]);
    const flags = Object.fromEntries(serve.options.map((option) => [option.name(), options[option.attributeName()]]));
    await run(readSettings(flags, process.env, options["settings"] ?? process.env["TOKENS_SETTINGS"]));
  });
}

function collect(value: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), value];
}
