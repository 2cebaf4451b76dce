import { type Command, Option } from "commander";
import type { KeysSource } from "../keys.js";
import { adminServer } from "./admin-server.js";

const json = () => new Option("--json", "print one JSON object a line");

/** `tokens keys`: what signs, and what should no more. */
export function addKeys(tokens: Command): void {
  const keys = tokens.command("keys").description("List, rotate and taint the server's signing keys.");
  keys
    .command("list")
    .description("Print all signing keys: next, active, retired (still published), expired and tainted ones.")
    .addOption(adminServer())
    .addOption(json())
    .action(async (options: KeysSource) => {
      const { listKeys } = await import("../keys.js");
      await listKeys(options);
    });
  keys
    .command("rotate")
    .description("Publish the next key. It signs when it has been published for the server's --key-lead.")
    .option("--purpose <PURPOSE>", "tokens (default), jwt, bundle, audit or ca")
    .addOption(adminServer())
    .addOption(json())
    .action(async (options: KeysSource) => {
      const { rotateKey } = await import("../keys.js");
      await rotateKey(options);
    });
  keys
    .command("taint")
    .description("End all trust in a key, at once and for ever. Tokens that it signed are refused everywhere.")
    .argument("<KEY>", "id of the key, as `tokens keys list` prints it")
    .addOption(adminServer())
    .addOption(json())
    .action(async (keyId: string, options: KeysSource) => {
      const { taintKey } = await import("../keys.js");
      await taintKey(keyId, options);
    });
}
