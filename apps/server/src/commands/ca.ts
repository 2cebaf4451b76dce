import type { Command } from "commander";
import type { CaOptions } from "../ca.js";
import { adminServer } from "./admin-server.js";
import { addCaRevoke } from "./revocation.js";

/** `tokens ca`: CAs and their revocation lists. */
export function addCa(tokens: Command): void {
  const ca = tokens.command("ca").description("Look after certificate authorities and their revocation lists.");
  ca.command("list")
    .description("Name the CAs of the policy, one a line.")
    .addOption(adminServer())
    .option("--json", "one JSON object a line")
    .action(async (options: CaOptions) => {
      const { listCas } = await import("../ca.js");
      process.exitCode = await listCas(options);
    });
  ca.command("status")
    .description("Say everything about one CA, removed ones too. Exit code: 1 if there never was such a CA.")
    .argument("<NAME>", "common name of the CA")
    .addOption(adminServer())
    .option("--json", "one JSON object")
    .action(async (name: string, options: CaOptions) => {
      const { showCa } = await import("../ca.js");
      process.exitCode = await showCa(name, options);
    });
  ca.command("check")
    .description("Ask the server whether it trusts a certificate. Exit code: 0 yes, 1 no.")
    .argument("<CERT>", "certificate in PEM or DER; '-' is stdin")
    .addOption(adminServer())
    .option("--json", "one JSON object")
    .action(async (file: string, options: CaOptions) => {
      const { checkWithServer } = await import("../ca.js");
      process.exitCode = await checkWithServer(file, options);
    });
  ca.command("fetch-crl")
    .description("Fetch the revocation list of a CA now. Exit code: 0 taken or unchanged, 1 refused, 3 unreachable.")
    .argument("<NAME>", "common name of the CA")
    .option("--force", "also if its server says that it has not changed")
    .addOption(adminServer())
    .option("--json", "one JSON object")
    .action(async (name: string, options: CaOptions) => {
      const { fetchCrlNow } = await import("../ca.js");
      process.exitCode = await fetchCrlNow(name, options);
    });
  addCaRevoke(ca);
}
