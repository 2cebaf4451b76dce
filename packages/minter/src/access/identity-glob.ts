import { identityProblem } from "./canonical-identity.js";

/** Letters that a pattern of each kind may hold besides '*'. */
const PATTERN_LETTERS: ReadonlyMap<string, RegExp> = new Map([
  ["bot", /^[0-9a-z_\-.*]+$/],
  ["project", /^[a-z0-9\-_*]+$/],
  ["service", /^[0-9a-zA-Z_\-:.*]+$/],
  ["user", /^[0-9a-z_\-.+%@*]+$/],
]);

/** What is wrong with a pattern of identities, `kind:pattern` with '*' in the pattern; undefined if nothing is. */
export function globProblem(glob: string): string | undefined {
  const colon = glob.indexOf(":");
  const pattern = glob.slice(colon + 1);
  const letters = PATTERN_LETTERS.get(glob.slice(0, Math.max(colon, 0)));
  const name = JSON.stringify(glob);
  if (!letters) return `${name} is not a pattern; write kind:pattern with the kind user, bot, service or project`;
  if (!letters.test(pattern)) return `${name} holds a letter that no such identity has; write it in lower case ASCII`;
  if (!pattern.includes("*")) return `${name} has no "*"; write it under members`;
  if (pattern.includes("**")) return `${name} has two "*" in a row; one is enough`;
  return undefined;
}

/**
 * Why a good pattern may match more than its author thinks: `bot:*example.com` also matches a machine of
 * `evilexample.com`. Undefined if nothing looks doubtful.
 */
export function globDoubt(glob: string): string | undefined {
  const ending = /\*([a-z0-9][a-z0-9_-]*\.[a-z0-9_.-]*[a-z0-9])$/.exec(glob)?.[1];
  if (ending === undefined || identityProblem(`bot:${ending}`) !== undefined) return undefined;
  const separator = glob.startsWith("user:") ? "@" : ".";
  const meant = glob.slice(0, -ending.length) + separator + ending;
  return `${JSON.stringify(glob)} also matches names that end with "evil${ending}"; did you mean ${JSON.stringify(meant)}?`;
}

/**
 * Whether an identity fits a pattern, in which '*' stands for any number of any characters. Takes the leftmost place for
 * each part, which never misses a match, so the time is linear and no pattern can make it hang.
 */
export function matchesGlob(identity: string, glob: string): boolean {
  const [first = "", ...rest] = glob.split("*");
  const last = rest.pop();
  if (last === undefined) return identity === glob;
  if (!identity.startsWith(first)) return false;
  let position = first.length;
  for (const part of rest) {
    const found = identity.indexOf(part, position);
    if (found < 0) return false;
    position = found + part.length;
  }
  return identity.length - last.length >= position && identity.endsWith(last);
}
