import {
  type DescMessage,
  fromBinary,
  fromJsonString,
  type MessageShape,
  type Registry,
  toBinary,
  toJson,
} from "@bufbuild/protobuf";
import { toText } from "@bufbuild/protobuf/txtpb";
import { fromLenientText } from "./lenient-text.js";
import type { PrpcFormat } from "./prpc-format.js";

/** Keeps a browser from running an answer as a script. */
const JSON_PREFIX = ")]}'\n";

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Reads a message. Fields that it does not know are ignored in all formats. Throws an Error. */
export function decodeMessage<Desc extends DescMessage>(
  schema: Desc,
  format: PrpcFormat,
  bytes: Uint8Array,
): MessageShape<Desc> {
  if (format === "binary") return fromBinary(schema, bytes);
  const text = utf8.decode(bytes);
  return format === "json"
    ? fromJsonString(schema, text, { ignoreUnknownFields: true })
    : fromLenientText(schema, text);
}

/** Writes a message as the body of an answer. */
export function encodeMessage<Desc extends DescMessage>(
  schema: Desc,
  format: PrpcFormat,
  message: MessageShape<Desc>,
): Buffer {
  const bytes = encodeValue(schema, format, message);
  return format === "json" ? Buffer.concat([Buffer.from(JSON_PREFIX), bytes, Buffer.from("\n")]) : bytes;
}

/** Writes a message without what surrounds it in a body. The registry is for messages inside google.protobuf.Any. */
export function encodeValue<Desc extends DescMessage>(
  schema: Desc,
  format: PrpcFormat,
  message: MessageShape<Desc>,
  registry?: Registry,
): Buffer {
  const options = registry ? { registry } : {};
  if (format === "binary") return Buffer.from(toBinary(schema, message));
  const text = format === "json" ? JSON.stringify(toJson(schema, message, options)) : toText(schema, message, options);
  return Buffer.from(text);
}
