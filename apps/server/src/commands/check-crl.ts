import type { Command } from "commander";
import type { CheckCrlsOptions } from "../check-crl.js";

/** `tokens check-crl`: would the server take these revocation lists? */
export function addCheckCrl(tokens: Command): void {
  tokens
    .command("check-crl")
    .description("Check offline whether revocation lists would be taken into force. Exit code: 0 all, 1 any refused.")
    .argument("<CRL...>", "revocation lists in PEM or DER; '-' is stdin")
    .requiredOption("--ca <FILE>", "certificates of the CA, in PEM (or one in DER)")
    .option("--max-age <DURATION>", "greatest age of a list, like 168h (default: as its nextUpdate says)")
    .option("--at <TIME>", "check as of this time, RFC 3339 (default: now)")
    .option("--json", "one JSON object a line, also on a terminal")
    .action(async (files: string[], options: CheckCrlsOptions) => {
      const { checkCrls } = await import("../check-crl.js");
      process.exitCode = await checkCrls(files, options);
    });
}
