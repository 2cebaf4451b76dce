import { isIdentity } from "@tokens/machine-auth";
import { isCanonicalDomain } from "../domain-name.js";

/** Whoever sends no credential. */
export const ANONYMOUS = "anonymous:anonymous";

/**
 * What is wrong with a text that shall name one identity in the one way that counts; undefined if nothing is. Policies
 * are compared exactly with callers, so a name in other letters would silently name nobody: it is refused, not repaired.
 */
export function identityProblem(text: string): string | undefined {
  if (!isIdentity(text)) {
    return `${JSON.stringify(text)} is not an identity; write kind:value with the kind user, bot, service, project or anonymous`;
  }
  if (isCanonical(text)) return undefined;
  const lowerCase = text.toLowerCase();
  const advice = isCanonical(lowerCase) ? `write ${JSON.stringify(lowerCase)}` : "nobody is ever called so";
  return `${JSON.stringify(text)} is not canonical; ${advice}`;
}

/** Services keep their case: their names are compared as their owners write them. */
function isCanonical(identity: string): boolean {
  const colon = identity.indexOf(":");
  const kind = identity.slice(0, colon);
  const value = identity.slice(colon + 1);
  if (kind === "bot") return isCanonicalDomain(value);
  if (kind !== "user") return true;
  const domain = value.slice(value.indexOf("@") + 1);
  return value === value.toLowerCase() && isCanonicalDomain(domain);
}
