import {
  type DescField,
  type DescMessage,
  fromBinary,
  fromJson,
  type JsonValue,
  type MessageShape,
  ScalarType,
  toBinary,
  toJson,
} from "@bufbuild/protobuf";
import { fromText, toText } from "@bufbuild/protobuf/txtpb";
import { GoldenFolder } from "golden-files";
import { describe, expect, it } from "vitest";
import * as admin from "./admin.js";
import * as audit from "./audit.js";
import * as config from "./config.js";
import * as api from "./index.js";
import * as prpc from "./prpc.js";

const isMessage = (value: object): value is DescMessage => "kind" in value && value.kind === "message";
const messages = [api, admin, audit, config, prpc].flatMap((entry) => Object.values(entry)).filter(isMessage);
const golden = new GoldenFolder(new URL("../testdata/golden/", import.meta.url));

/** A value for every field, in JSON, of the same kind every time. */
function fill(message: DescMessage): JsonValue {
  if (message.typeName === "google.protobuf.Timestamp") return "2026-06-01T12:00:00.000000789Z";
  const first = message.fields.filter(
    ({ oneof }, i, all) => !oneof || all.findIndex((each) => each.oneof === oneof) === i,
  );
  return Object.fromEntries(first.map((field) => [field.jsonName, fillField(field)]));
}

function fillField(field: DescField): JsonValue {
  const value = field.message ? fill(field.message) : (field.enum?.values.at(-1)?.name ?? fillScalar(field));
  return field.fieldKind === "list" ? [value, value] : value;
}

function fillScalar({ name, number, scalar }: DescField): JsonValue {
  const values: Partial<Record<ScalarType, JsonValue>> = {
    [ScalarType.STRING]: `${name} "é"\n`,
    [ScalarType.BYTES]: Buffer.from(`${name}\xff`, "latin1").toString("base64"),
    [ScalarType.BOOL]: true,
    [ScalarType.INT32]: number - 2 ** 31,
    [ScalarType.UINT32]: 2 ** 32 - number,
    [ScalarType.INT64]: String(BigInt(number) - 2n ** 63n),
    [ScalarType.UINT64]: String(2n ** 64n - BigInt(number)),
  };
  return (scalar && values[scalar]) ?? expect.fail(`no value for ${name}: add one for its type here`);
}

/** One message in its three encodings. */
interface Golden {
  binary_hex: string;
  json: JsonValue;
  text: string;
}

function encodings<Desc extends DescMessage>(message: Desc, value: MessageShape<Desc>): Golden {
  const binary_hex = Buffer.from(toBinary(message, value)).toString("hex");
  return { binary_hex, json: toJson(message, value), text: toText(message, value) };
}

const makeGolden = (message: DescMessage) =>
  `${JSON.stringify(encodings(message, fromJson(message, fill(message))), null, 2)}\n`;

describe("frozen bytes", () => {
  it.each(messages.map((message) => [message.typeName, message] as const))("of %s", (name, message) => {
    const frozen = JSON.parse(golden.read(`${name}.json`, () => makeGolden(message))) as Golden;
    const value = fromBinary(message, Buffer.from(frozen.binary_hex, "hex"));
    expect(value.$unknown).toBeUndefined();
    expect(encodings(message, value)).toEqual(frozen);
    const hexOf = (read: typeof value) => Buffer.from(toBinary(message, read)).toString("hex");
    expect(hexOf(fromJson(message, frozen.json))).toBe(frozen.binary_hex);
    expect(hexOf(fromText(message, frozen.text))).toBe(frozen.binary_hex);
  });

  it("are of messages that exist: what was released does not go away", () => {
    const names = messages.map(({ typeName }) => `${typeName}.json`);
    expect(golden.names().filter((name) => !names.includes(name))).toEqual([]);
  });
});
