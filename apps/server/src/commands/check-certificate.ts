import type { Command } from "commander";
import type { CheckCertificatesOptions } from "../check-certificate.js";

/** `tokens check-certificate`: the check that minting makes, by hand. */
export function addCheckCertificate(tokens: Command): void {
  tokens
    .command("check-certificate")
    .description(
      "Check certificates offline, as minting does but for the name of the machine. Exit code: 0 all good, 1 any refused.",
    )
    .argument("<CERT...>", "certificates in PEM or DER, one in each file; '-' is stdin")
    .requiredOption("--ca <FILE>", "certificates of the CAs that are trusted, in PEM (or one in DER)")
    .option("--intermediates <FILE>", "certificates of CAs in between, in any order")
    .option(
      "--crl <FILE>",
      "a revocation list in PEM or DER; give one for each CA (without any: revocation is not looked at)",
      collect,
      [],
    )
    .option("--max-age <DURATION>", "greatest age of a revocation list, like 168h (default: as its nextUpdate says)")
    .option("--at <TIME>", "check as of this time, RFC 3339 (default: now)")
    .option("--policy <FILE>", "a CertificatePolicy in text format: which checks are OFF, REPORT or ENFORCE")
    .option("--json", "one JSON object a line, also on a terminal")
    .action(async (files: string[], options: CheckCertificatesOptions) => {
      const { checkCertificates } = await import("../check-certificate.js");
      process.exitCode = await checkCertificates(files, options);
    });
}

const collect = (value: string, before: readonly string[]) => [...before, value];
