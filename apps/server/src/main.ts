import { Command, CommanderError } from "commander";
import { addAudit } from "./commands/audit.js";
import { addCa } from "./commands/ca.js";
import { addCheckCertificate } from "./commands/check-certificate.js";
import { addCheckCrl } from "./commands/check-crl.js";
import { addCheckToken } from "./commands/check-token.js";
import { addExplain } from "./commands/explain.js";
import { addInspect } from "./commands/inspect.js";
import { addKeys } from "./commands/keys.js";
import { addMint } from "./commands/mint.js";
import { addPolicy } from "./commands/policy.js";
import { addMachine, addRevoked, addToken } from "./commands/revocation.js";
import { addServe } from "./commands/serve.js";
import { EXIT, UsageError } from "./exit-code.js";
import { endWithReader } from "./reader-gone.js";
import { packageVersion } from "./version.js";

/** The subcommands. Each file declares one and loads what it runs only when it runs. */
const commands = [
  addServe,
  addCheckToken,
  addInspect,
  addCheckCertificate,
  addCheckCrl,
  addCa,
  addPolicy,
  addKeys,
  addMachine,
  addToken,
  addRevoked,
  addAudit,
  addMint,
  addExplain,
];

/** Runs the command line and sets the process's exit code. */
export async function main(argv: readonly string[]): Promise<void> {
  endWithReader(process.stdout);
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
  if (error instanceof Error && error.name === "ConnectError") return reportCall(error as Error & { code: number });
  if (error instanceof Error && "detail" in error) {
    console.error(`tokens: ${error.message}: ${String(error.detail)}`);
    return EXIT.unknown;
  }
  console.error(error);
  return EXIT.unknown;
}

/** gRPC's codes for a server that cannot be reached or cannot tell: cancelled, unknown, deadline, internal, unavailable. */
const CANNOT_TELL = [1, 2, 4, 13, 14];

/** A call that failed: the server said no, or cannot tell now. */
function reportCall({ code, message }: { code: number; message: string }): number {
  console.error(`tokens: ${message}`);
  return CANNOT_TELL.includes(code) ? EXIT.unknown : EXIT.no;
}

function program(): Command {
  const tokens = new Command("tokens")
    .description("The token server and its operator's commands.")
    .version(packageVersion())
    .exitOverride()
    .showHelpAfterError("(tokens --help says more)");
  for (const add of commands) add(tokens);
  return tokens;
}
