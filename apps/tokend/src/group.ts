import { readFileSync } from "node:fs";

/** Number of a group that is given by its name or number. Throws an Error when this machine has no such group. */
export function groupNumber(group: string, database = "/etc/group"): number {
  if (/^\d+$/.test(group)) return Number(group);
  for (const line of readFileSync(database, "utf8").split("\n")) {
    const [name, , number] = line.split(":");
    if (name === group && number !== undefined) return Number(number);
  }
  throw new Error(`${database} has no group ${JSON.stringify(group)}; give its number`);
}
