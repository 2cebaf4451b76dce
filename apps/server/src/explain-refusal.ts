import { toJson } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { ExplainResponseSchema, Operator } from "@tokens/api/admin";
import { connectTo } from "./admin-client.js";

/** Asks a server why it refused a call, and prints what it says. */
export async function explainRefusal(
  referenceId: string,
  { server, json }: { readonly server?: string; readonly json?: true },
): Promise<void> {
  const explanation = await createClient(Operator, connectTo(server)).explain({ referenceId });
  if (json === true) {
    process.stdout.write(`${JSON.stringify(toJson(ExplainResponseSchema, explanation))}\n`);
    return;
  }
  const { method, caller, reason, detail, policyRevision, considered } = explanation;
  const rules = considered.map(({ rule, failed }) => `  ${rule}: ${failed === "" ? "matches" : `fails at ${failed}`}`);
  const policy = policyRevision === "" ? [] : [`policy ${policyRevision}`];
  for (const line of [`${method} by ${caller}: ${reason}`, detail, ...policy, ...rules]) {
    process.stdout.write(`${line}\n`);
  }
}
