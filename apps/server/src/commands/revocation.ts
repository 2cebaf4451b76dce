import { type Command, Option } from "commander";
import type { RevocationOptions } from "../revocation.js";
import { adminServer } from "./admin-server.js";

const json = () => new Option("--json", "print one JSON object a line");
const reason = () => new Option("--reason <TEXT>", "why, for the other operators");

/** `tokens machine`: revocations by a machine's name. */
export function addMachine(tokens: Command): void {
  const machine = tokens.command("machine").description("Revoke machines, and take that back.");
  machine
    .command("revoke")
    .description("Refuse all tokens of a machine, at every verifier within a refresh, and mint it no others.")
    .argument("<FQDN>", "name of the machine, as in its tokens")
    .option("--until <TIME>", "until when, like 2026-06-01T12:00:00Z (default: for ever)")
    .addOption(reason())
    .addOption(adminServer())
    .addOption(json())
    .action(async (fqdn: string, options: RevocationOptions) => {
      const { revokeMachine } = await import("../revocation.js");
      await revokeMachine(fqdn, options);
    });
  machine
    .command("unrevoke")
    .description("End the revocation of a machine by its name. Exit code: 1 if there is none.")
    .argument("<FQDN>", "name of the machine")
    .addOption(adminServer())
    .addOption(json())
    .action(async (fqdn: string, options: RevocationOptions) => {
      const { unrevokeMachine } = await import("../revocation.js");
      await unrevokeMachine(fqdn, options);
    });
}

/** `tokens token`: revocations of single tokens. */
export function addToken(tokens: Command): void {
  const token = tokens.command("token").description("Revoke single tokens.");
  token
    .command("revoke")
    .description("Refuse one token of any kind, at every verifier within a refresh.")
    .argument("<FINGERPRINT>", "first 16 bytes of the SHA-256 of the token, in hex, as in the audit log")
    .option("--until <TIME>", "when the token expires (default: when every token has that is there now)")
    .addOption(reason())
    .addOption(adminServer())
    .addOption(json())
    .action(async (fingerprint: string, options: RevocationOptions) => {
      const { revokeToken } = await import("../revocation.js");
      await revokeToken(fingerprint, options);
    });
}

/** `tokens ca revoke`: a CA with all of its machines. */
export function addCaRevoke(ca: Command): void {
  ca.command("revoke")
    .description(
      "Refuse all tokens of a CA's machines, for ever, and mint them no others. To trust its name again, give it another unique_id.",
    )
    .argument("<NAME>", "common name of the CA, also of one that was removed")
    .addOption(reason())
    .addOption(adminServer())
    .addOption(json())
    .action(async (name: string, options: RevocationOptions) => {
      const { revokeCa } = await import("../revocation.js");
      await revokeCa(name, options);
    });
}

/** `tokens revoked`: what is revoked. */
export function addRevoked(tokens: Command): void {
  tokens
    .command("revoked")
    .description("Print the entries of the revocation feed, oldest first.")
    .addOption(new Option("--kind <KIND>", "only these").choices(["token", "machine", "certificate", "ca"]))
    .addOption(adminServer())
    .addOption(json())
    .action(async (options: RevocationOptions) => {
      const { listRevoked } = await import("../revocation.js");
      await listRevoked(options);
    });
}
