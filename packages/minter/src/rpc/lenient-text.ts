import {
  clone,
  create,
  createFileRegistry,
  type DescFile,
  type DescMessage,
  fromBinary,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import { fromText } from "@bufbuild/protobuf/txtpb";
import {
  type DescriptorProto,
  type FileDescriptorProto,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
} from "@bufbuild/protobuf/wkt";

/** The protobuf library refuses unknown fields in text, but skips reserved ones: here every name is reserved. */
class EveryName extends Array<string> {
  override includes(): boolean {
    return true;
  }
}

const lenientSchemas = new WeakMap<DescMessage, DescMessage>();

/** Reads a message in text format and skips the fields that it does not have, as LUCI's server does. Throws an Error. */
export function fromLenientText<Desc extends DescMessage>(schema: Desc, text: string): MessageShape<Desc> {
  let lenient = lenientSchemas.get(schema);
  if (!lenient) lenientSchemas.set(schema, (lenient = makeLenient(schema)));
  return fromBinary(schema, toBinary(lenient, fromText(lenient, text)));
}

function makeLenient(schema: DescMessage): DescMessage {
  const files = [...withImports(schema.file)].map(({ proto }) => withEveryNameReserved(proto));
  const lenient = createFileRegistry(create(FileDescriptorSetSchema, { file: files })).getMessage(schema.typeName);
  if (!lenient) throw new Error(`${schema.file.name} does not hold ${schema.typeName}`);
  return lenient;
}

/** A file and what it imports, each after its own imports. */
function withImports(file: DescFile, found = new Set<DescFile>()): Set<DescFile> {
  for (const dependency of file.dependencies) withImports(dependency, found);
  return found.add(file);
}

function withEveryNameReserved(proto: FileDescriptorProto): FileDescriptorProto {
  const copy = clone(FileDescriptorProtoSchema, proto);
  copy.messageType.forEach(reserveEveryName);
  return copy;
}

function reserveEveryName(message: DescriptorProto): void {
  message.reservedName = new EveryName();
  message.nestedType.forEach(reserveEveryName);
}
