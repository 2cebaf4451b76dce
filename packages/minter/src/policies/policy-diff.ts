import type { JsonObject, JsonValue } from "@bufbuild/protobuf";

/** The part of a compiled policy that is compared. */
export interface PolicyContents {
  /** What the policy files say, by their names without an ending. */
  readonly contents: ReadonlyMap<string, JsonObject>;
  /** All files, by path. */
  readonly files: Readonly<Record<string, string>>;
}

/** Fields that name a message in a list. */
const NAMES = ["name", "cn", "id"];

/**
 * What a new policy says that the old one did not, and the other way round, a line each: what was added, removed or
 * changed in rules, groups and lists, whatever their order and layout.
 */
export function diffPolicies(before: PolicyContents, after: PolicyContents): string[] {
  const names = union(before.contents.keys(), after.contents.keys());
  const lines = names.flatMap((name) => diffValues(name, before.contents.get(name), after.contents.get(name)));
  return [...lines, ...diffOtherFiles(before, after)];
}

function diffOtherFiles(before: PolicyContents, after: PolicyContents): string[] {
  const isPolicy = (path: string) => /\.(cfg|yaml)$/.test(path);
  const paths = union(Object.keys(before.files), Object.keys(after.files)).filter((path) => !isPolicy(path));
  return paths.flatMap((path) => {
    const [old, now] = [before.files[path], after.files[path]];
    if (old === now) return [];
    return [`${path}: ${old === undefined ? "added" : now === undefined ? "removed" : "changed"}`];
  });
}

function diffValues(place: string, before: JsonValue | undefined, after: JsonValue | undefined): string[] {
  if (JSON.stringify(before) === JSON.stringify(after)) return [];
  if (isObject(before ?? {}) && isObject(after ?? {})) return diffObjects(place, asObject(before), asObject(after));
  if (Array.isArray(before ?? []) && Array.isArray(after ?? [])) return diffLists(place, asList(before), asList(after));
  return [`${place}: ${text(before)} → ${text(after)}`];
}

function diffObjects(place: string, before: JsonObject, after: JsonObject): string[] {
  const keys = union(Object.keys(before), Object.keys(after));
  return keys.flatMap((key) => diffValues(`${place}.${key}`, before[key], after[key]));
}

/** Entries with a name are compared by it, all others as a whole. */
function diffLists(place: string, before: readonly JsonValue[], after: readonly JsonValue[]): string[] {
  const [old, now] = [byName(before), byName(after)];
  const lines = union(old.keys(), now.keys()).flatMap((key) => {
    const [was, is] = [old.get(key), now.get(key)];
    if (was === undefined) return [`${place}: + ${text(is)}`];
    if (is === undefined) return [`${place}: - ${text(was)}`];
    return diffValues(`${place}[${key}]`, was, is);
  });
  return lines.length > 0 ? lines : [`${place}: the order changed`];
}

function byName(list: readonly JsonValue[]): Map<string, JsonValue> {
  const named = new Map<string, JsonValue>();
  for (const entry of list) {
    const name = isObject(entry)
      ? NAMES.map((field) => entry[field]).find((value) => typeof value === "string")
      : undefined;
    const key = text(name ?? entry);
    // A second entry of one name is another one: it must not hide a change.
    named.set(named.has(key) ? `${key} #${named.size}` : key, entry);
  }
  return named;
}

const isObject = (value: JsonValue): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const asObject = (value: JsonValue | undefined): JsonObject => (value !== undefined && isObject(value) ? value : {});
const asList = (value: JsonValue | undefined): readonly JsonValue[] => (Array.isArray(value) ? value : []);
const text = (value: JsonValue | undefined) => (value === undefined ? "nothing" : JSON.stringify(value));
const union = (before: Iterable<string>, after: Iterable<string>) => [...new Set([...before, ...after])].sort();
