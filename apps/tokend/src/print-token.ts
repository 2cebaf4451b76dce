import type { FlagDefinitions } from "./flag-parser.js";
import { parseFlags, type ParsedFlags, usage } from "./flag-parser.js";
import { readTokenFile } from "./read-token-file.js";

/** What is to be printed. */
export interface PrintFlags {
  readonly tokenFile: string;
  readonly isJson: boolean;
}

const PRINT_FLAGS: FlagDefinitions = {
  "token-file": { type: "string", initial: "", meaning: "where the token is kept", required: true },
  json: { type: "bool", initial: "false", meaning: "print the token and its expiry as a JSON object" },
};

/** Reads the command line of `tokend print`, without that word. */
export function parsePrintFlags(args: readonly string[]): ParsedFlags<PrintFlags> {
  const parsed = parseFlags(args, PRINT_FLAGS);
  if (parsed.kind !== "run") return parsed;
  return { kind: "run", flags: { tokenFile: parsed.flags.text("token-file"), isJson: parsed.flags.bool("json") } };
}

/** The help text. */
export function printUsage(): string {
  return usage(
    "Usage of tokend print: prints the token in a file. Exit code 1: there is none that can be used.",
    PRINT_FLAGS,
  );
}

/** Prints the token that is in a file, if it can be used now. Returns the exit code. */
export function printToken(
  { tokenFile, isJson }: PrintFlags,
  output: { out(text: string): void; complain(message: string): void },
  nowMs: number,
): number {
  const { file } = readTokenFile(tokenFile, output.complain);
  const { luci_machine_token: token = "", expiry = 0 } = file;
  if (token === "" || expiry * 1000 <= nowMs) {
    output.complain(`no usable token in ${tokenFile}: ${token === "" ? "it holds none" : "its token is over"}`);
    return 1;
  }
  const end = new Date(expiry * 1000).toISOString();
  output.out(isJson ? `${JSON.stringify({ token, expiry: end })}\n` : `${token}\n`);
  return 0;
}
