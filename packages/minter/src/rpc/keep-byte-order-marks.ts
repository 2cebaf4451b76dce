import { configureTextEncoding, getTextEncoding } from "@bufbuild/protobuf/wire";

const keeping = { ignoreBOM: true };
const lenient = new TextDecoder("utf-8", keeping);
const strict = new TextDecoder("utf-8", { ...keeping, fatal: true });

/**
 * Makes protobuf messages keep a byte order mark at the start of a string, as JSON and other languages' readers do.
 * Without it protobuf-es reads `\uFEFFgroup:x` as `group:x`. It knows one such setting for a whole process.
 */
export function keepByteOrderMarks(): void {
  const decodeUtf8 = (bytes: Uint8Array, isStrict?: boolean) => (isStrict ? strict : lenient).decode(bytes);
  configureTextEncoding({ ...getTextEncoding(), decodeUtf8 });
}
