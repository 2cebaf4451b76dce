import {
  createRegistry,
  type DescField,
  fromBinary,
  fromJson,
  fromJsonString,
  toBinary,
  toJson,
} from "@bufbuild/protobuf";
import { fromText, toText } from "@bufbuild/protobuf/txtpb";
import { expect, it } from "vitest";
import { describeWithVectors, readJsonVector } from "shared-vectors";
import { file_messages_delegation_token } from "./gen/messages/delegation_token_pb.js";
import { file_tokenserver_admin_admin } from "./gen/tokenserver/admin/admin_pb.js";
import { file_tokenserver_admin_certificate_authorities } from "./gen/tokenserver/admin/certificate_authorities_pb.js";
import { file_tokenserver_admin_config } from "./gen/tokenserver/admin/config_pb.js";
import { file_tokenserver_bq_audit } from "./gen/tokenserver/bq/audit_pb.js";
import { file_tokenserver_machine_token } from "./gen/tokenserver/machine_token_pb.js";
import { file_tokenserver_minter_token_minter } from "./gen/tokenserver/minter/token_minter_pb.js";
import { file_tokenserver_token_file } from "./gen/tokenserver/token_file_pb.js";

const registry = createRegistry(
  file_messages_delegation_token,
  file_tokenserver_admin_admin,
  file_tokenserver_admin_certificate_authorities,
  file_tokenserver_admin_config,
  file_tokenserver_bq_audit,
  file_tokenserver_machine_token,
  file_tokenserver_minter_token_minter,
  file_tokenserver_token_file,
);

function message(name: string) {
  const found = registry.getMessage(name);
  if (!found) throw new Error(`no message ${name}`);
  return found;
}

interface Schema {
  enums: { enum: string; values: Record<string, number> }[];
  messages: {
    message: string;
    fields: { number: number; name: string; json_name: string; type: string; repeated?: boolean; oneof?: string }[];
  }[];
  services: { service: string; methods: { name: string; request: string; response: string }[] }[];
}

const scalarNames = ["", "double", "float", "int64", "uint64", "int32", "fixed64", "fixed32", "bool", "string"];
scalarNames[12] = "bytes";

function typeOf(field: DescField): string | undefined {
  const inner = field.message ?? field.enum;
  return inner ? inner.typeName : scalarNames[field.scalar ?? 0];
}

function describeField(field: DescField) {
  return {
    number: field.number,
    name: field.name,
    json_name: field.jsonName,
    type: typeOf(field),
    ...(field.fieldKind === "list" ? { repeated: true } : {}),
    ...(field.oneof ? { oneof: field.oneof.name } : {}),
  };
}

describeWithVectors("names and numbers are LUCI's", () => {
  const schema = readJsonVector<Schema>("messages/schema.json");

  it.each(schema.messages)("message $message", ({ message: name, fields }) => {
    const ours = message(name)
      .fields.filter((field) => field.number < 1000)
      .map(describeField);
    expect(ours).toEqual(expect.arrayContaining(fields));
    expect(ours).toHaveLength(fields.length);
  });

  it.each(schema.enums)("enum $enum", ({ enum: name, values }) => {
    const ours = registry.getEnum(name)?.values.filter((value) => value.number < 1000);
    expect(Object.fromEntries((ours ?? []).map((value) => [value.name, value.number]))).toEqual(values);
  });

  it.each(schema.services)("service $service", ({ service, methods }) => {
    const ours = registry.getService(service)?.methods.map((method) => ({
      name: method.name,
      request: method.input.typeName,
      response: method.output.typeName,
    }));
    expect(ours).toEqual(methods);
  });
});

interface MessageCase {
  name: string;
  message: string;
  binary_hex: string;
  json: never;
  text: string;
}

describeWithVectors("messages in three encodings are LUCI's", () => {
  const { cases } = readJsonVector<{ cases: MessageCase[] }>("messages/cases.json");

  it.each(cases)("$name", ({ message: name, binary_hex, json, text }) => {
    const schema = message(name);
    const value = fromBinary(schema, Buffer.from(binary_hex, "hex"));
    expect(Buffer.from(toBinary(schema, value)).toString("hex")).toBe(binary_hex);
    expect(toJson(schema, value)).toEqual(json);
    const bytesOf = (read: typeof value) => Buffer.from(toBinary(schema, read)).toString("hex");
    expect(bytesOf(fromJson(schema, json))).toBe(binary_hex);
    expect(bytesOf(fromText(schema, text))).toBe(binary_hex);
    expect(bytesOf(fromText(schema, toText(schema, value)))).toBe(binary_hex);
  });
});

interface ParseCase {
  name: string;
  message: string;
  encoding: "json" | "text" | "binary";
  input: string;
  input_hex?: string;
  luci: "accepted" | "rejected";
  binary_hex?: string;
}

function parse({ message: name, encoding, input, input_hex }: ParseCase): string {
  const schema = message(name);
  const bytes = input_hex === undefined ? Buffer.from(input, "utf8") : Buffer.from(input_hex, "hex");
  const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  const value =
    encoding === "json"
      ? fromJsonString(schema, text.decode(bytes), { ignoreUnknownFields: true })
      : encoding === "text"
        ? fromText(schema, text.decode(bytes))
        : fromBinary(schema, Buffer.from(input, "hex"));
  return Buffer.from(toBinary(schema, value)).toString("hex");
}

const refused = "refused";

function verdict(parseCase: ParseCase): string {
  try {
    return parse(parseCase);
  } catch {
    return refused;
  }
}

// Where the protobuf library reads JSON or text otherwise than Go's does. None of it changes the bytes of a good message.
const differences: Record<string, { ours: string; reason: string }> = {
  "json-int64-string-exponent": { ours: refused, reason: "an int64 in exponent form is no integer" },
  "json-int64-blank": { ours: "103c", reason: "blanks around an int64 in a string are skipped" },
  "json-bytes-mixed": { ours: "1202fbff", reason: "bytes may mix both base64 alphabets" },
  "text-camel": { ours: refused, reason: "text is read as policy files are: an unknown field is an error" },
};

describeWithVectors("inputs are read or refused as LUCI's server does", () => {
  const { cases } = readJsonVector<{ cases: ParseCase[] }>("messages/parse.json");

  it.each(cases)("$name", (parseCase) => {
    const luci = parseCase.luci === "rejected" ? refused : (parseCase.binary_hex ?? "");
    expect(verdict(parseCase)).toBe(differences[parseCase.name]?.ours ?? luci);
  });
});
