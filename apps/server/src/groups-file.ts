import { readFileSync } from "node:fs";
import type { GroupLookup } from "@tokens/machine-auth";
import { UsageError } from "./exit-code.js";

/**
 * Reads who is in which group: a JSON object, group → identities. E-mails are compared in lower case, as LUCI does; a
 * group that is not there has no members. Throws a UsageError.
 */
export function readGroupsFile(path: string): GroupLookup {
  const groups = new Map<string, ReadonlySet<string>>();
  for (const [name, members] of Object.entries(readObject(path))) {
    if (!Array.isArray(members) || !members.every((member) => typeof member === "string")) {
      throw new UsageError(`--groups ${path}: group ${JSON.stringify(name)} is not a list of identities`);
    }
    groups.set(name, new Set(members.map(fold)));
  }
  return (identity, group) => groups.get(group)?.has(fold(identity)) ?? false;
}

function readObject(path: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    throw new UsageError(`cannot read --groups ${path}: ${(error as Error).message}`, { cause: error });
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return { ...value };
  throw new UsageError(`--groups ${path} is not a JSON object: {"group": ["user:a@example.com"]}`);
}

function fold(identity: string): string {
  return identity.startsWith("user:") ? identity.toLowerCase() : identity;
}
