import type { Groups } from "./groups.js";

/** Some identities, and the members of some groups. */
export interface NamedIdentities {
  readonly identities: ReadonlySet<string>;
  /** Names of groups, without "group:". */
  readonly groups: ReadonlySet<string>;
}

/** A set of identities as policies and requests write them: named ones, or all. */
export type IdentitySet = NamedIdentities | "*";

const GROUP_PREFIX = "group:";

/** The name of the group that an entry of a list stands for; undefined if it stands for something else. */
export function groupOfEntry(entry: string): string | undefined {
  return entry.startsWith(GROUP_PREFIX) ? entry.slice(GROUP_PREFIX.length) : undefined;
}

/** Makes a set of entries that were checked: `*`, `group:<name>` or an identity. One `*` swallows the others. */
export function identitySet(entries: readonly string[]): IdentitySet {
  if (entries.includes("*")) return "*";
  const isGroup = (entry: string) => groupOfEntry(entry) !== undefined;
  return {
    identities: new Set(entries.filter((entry) => !isGroup(entry))),
    groups: new Set(entries.filter(isGroup).map((entry) => entry.slice(GROUP_PREFIX.length))),
  };
}

/** Whether an identity is in a set, its groups expanded. Nobody is in an empty set. */
export function isInSet(identity: string, set: IdentitySet, groups: Groups): boolean {
  if (set === "*" || set.identities.has(identity)) return true;
  return [...set.groups].some((group) => groups.has(group, identity));
}

/** Whether all of `inner` is in `outer` by name: groups are not expanded, for their members may change. */
export function isSubset(inner: IdentitySet, outer: IdentitySet): boolean {
  if (outer === "*") return true;
  if (inner === "*") return false;
  const isIn = (some: ReadonlySet<string>, all: ReadonlySet<string>) => [...some].every((entry) => all.has(entry));
  return isIn(inner.identities, outer.identities) && isIn(inner.groups, outer.groups);
}

/** A set as tokens write it: `["*"]`, or sorted entries, each once. All of them are ASCII, so the order is by bytes. */
export function entriesOf(set: IdentitySet): string[] {
  if (set === "*") return ["*"];
  return [...set.identities, ...[...set.groups].map((group) => GROUP_PREFIX + group)].sort();
}
