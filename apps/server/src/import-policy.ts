import { createClient } from "@connectrpc/connect";
import { Operator } from "@tokens/api/admin";
import { connectTo } from "./admin-client.js";

/** Makes a server import its policy files, and prints what came of it. */
export async function importPolicy({
  server,
  json,
}: {
  readonly server?: string;
  readonly json?: true;
}): Promise<void> {
  const client = createClient(Operator, connectTo(server));
  const { revision, changes, warnings } = await client.importPolicies({});
  if (json === true) {
    process.stdout.write(`${JSON.stringify({ revision, changes, warnings })}\n`);
    return;
  }
  const summary = changes.length === 0 ? `unchanged: ${revision}` : `in force: ${revision}`;
  for (const line of [...warnings, ...changes, summary]) process.stdout.write(`${line}\n`);
}
