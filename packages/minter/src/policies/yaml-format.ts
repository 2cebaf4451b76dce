import { type DescMessage, fromJson, type JsonObject, type JsonValue } from "@bufbuild/protobuf";
import { isMap, isPair, isScalar, isSeq, type Node, parseDocument, type YAMLMap } from "yaml";
import type { ReadText } from "./text-format.js";
import { findMisfit, UnreadableText, type WrittenField } from "./text-places.js";

type YamlField = WrittenField<JsonValue>;

/** YAML 1.2 whatever the document says, in which `no` and `1e3` are what they look like. */
const OPTIONS = { intAsBigInt: true, prettyErrors: false, schema: "core", stringKeys: true, uniqueKeys: true } as const;

/**
 * Reads YAML whose keys are the fields of a message, as in the `.proto` file or as in its JSON. One document, no aliases,
 * no tags: a policy says what it says. Throws UnreadableText.
 */
export function readYamlFormat<Desc extends DescMessage>(schema: Desc, text: string): ReadText<Desc, JsonValue> {
  const document = parseDocument(text, OPTIONS);
  // A warning is about a tag that nobody knows, so the value is not what was meant.
  const [problem] = [...document.errors, ...document.warnings];
  if (problem) throw new UnreadableText(problem.message, problem.pos[0], problem);
  const { contents } = document;
  if (contents === null || isEmpty(contents)) return { message: fromJson(schema, {}), fields: [] };
  if (!isMap(contents)) throw new UnreadableText("expected keys and values", offsetOfNode(contents));
  const { fields, json } = readMap(schema, contents);
  const misfit = findMisfit(schema, fields, readAlone);
  if (misfit) throw misfit;
  return { message: fromJson(schema, json), fields };
}

function readAlone(schema: DescMessage, { name, raw }: YamlField): unknown {
  return fromJson(schema, { [name]: raw });
}

const isEmpty = (node: Node) => isScalar(node) && node.value === null;
const offsetOfNode = (node: Node) => node.range?.[0] ?? 0;

interface ReadMap {
  readonly fields: YamlField[];
  readonly json: JsonObject;
}

function readMap(schema: DescMessage | undefined, map: YAMLMap): ReadMap {
  const fields: YamlField[] = [];
  // Without a prototype no key can mean anything special.
  const json = Object.create(null) as JsonObject;
  for (const pair of map.items) {
    if (!isPair(pair) || !isScalar(pair.key))
      throw new UnreadableText("expected a key and its value", offsetOfNode(map));
    const key = String(pair.key.value);
    const field = schema?.fields.find(({ name, jsonName }) => name === key || jsonName === key);
    const name = field?.name ?? key;
    const read = readValue(name, offsetOfNode(pair.key), field?.message, pair.value as Node | null);
    fields.push(...read.fields);
    json[name] = read.json;
  }
  return { fields, json };
}

interface ReadValue {
  readonly fields: readonly YamlField[];
  readonly json: JsonValue;
}

function readValue(name: string, offset: number, schema: DescMessage | undefined, node: Node | null): ReadValue {
  if (isSeq(node)) {
    const entries = (node.items as Node[]).map((item) => readEntry(name, schema, item));
    return { fields: entries, json: entries.flatMap(({ raw }) => raw) };
  }
  if (isMap(node)) {
    const { fields, json } = readMap(schema, node);
    return { fields: [{ name, offset, raw: json, fields }], json };
  }
  const json = node === null ? null : scalarOf(node);
  return { fields: [{ name, offset, raw: json, fields: undefined }], json };
}

/** An entry of a list, as a list of one: alone it must be read as one. */
function readEntry(name: string, schema: DescMessage | undefined, node: Node): YamlField & { raw: JsonValue[] } {
  const offset = offsetOfNode(node);
  if (isSeq(node)) throw new UnreadableText(`${name}: a list cannot hold lists`, offset);
  if (!isMap(node)) return { name, offset, raw: [scalarOf(node)], fields: undefined };
  const { fields, json } = readMap(schema, node);
  return { name, offset, raw: [json], fields };
}

/** Whole numbers of more than 53 bits travel as text in JSON. */
function scalarOf(node: Node): JsonValue {
  if (!isScalar(node)) throw new UnreadableText("aliases are not supported; write the value again", offsetOfNode(node));
  const { value } = node;
  if (value === null || typeof value === "string" || typeof value === "number" || typeof value === "boolean")
    return value;
  if (typeof value !== "bigint") throw new UnreadableText("expected text, a number, true or false", offsetOfNode(node));
  return value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER ? Number(value) : String(value);
}
