const MAX_TAGS = 64;
const MAX_KEY_BYTES = 128;
const MAX_VALUE_BYTES = 1024;

/** What is wrong with the `key:value` pairs of a request, every bad one named; undefined if nothing is. */
export function tagsProblem(tags: readonly string[]): string | undefined {
  if (tags.length > MAX_TAGS) return `too many tags given (${tags.length}), expecting up to ${MAX_TAGS} tags`;
  const problems = tags.flatMap((tag, index) => {
    const problem = tagProblem(tag);
    return problem === undefined ? [] : [`tag #${index + 1}: ${problem}`];
  });
  return problems.length === 0 ? undefined : problems.join("; ");
}

/** Further colons belong to the value; both sides may be empty. */
function tagProblem(tag: string): string | undefined {
  const colon = tag.indexOf(":");
  if (colon < 0) return "not in <key>:<value> form";
  if (Buffer.byteLength(tag.slice(0, colon)) > MAX_KEY_BYTES) return `the key length must not exceed ${MAX_KEY_BYTES}`;
  if (Buffer.byteLength(tag.slice(colon + 1)) > MAX_VALUE_BYTES) {
    return `the value length must not exceed ${MAX_VALUE_BYTES}`;
  }
  return undefined;
}
