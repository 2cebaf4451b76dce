import { TrustUnavailable } from "./errors.js";

/** Tells whether an identity is in a group. What it throws means that nobody can tell now. */
export type GroupLookup = (identity: string, group: string) => boolean | Promise<boolean>;

/** Asks for a membership; without a lookup nobody is in any group. Rejects with TrustUnavailable GROUPS_UNAVAILABLE. */
export async function isMember(groups: GroupLookup | undefined, identity: string, group: string): Promise<boolean> {
  try {
    return (await groups?.(identity, group)) === true;
  } catch (error) {
    throw new TrustUnavailable("GROUPS_UNAVAILABLE", "the members of a group cannot be looked up now", error);
  }
}
