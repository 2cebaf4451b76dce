import { Code } from "@connectrpc/connect";
import { ProtocolError, quote } from "./prpc-protocol-error.js";

/** How a message is written. */
export type PrpcFormat = "binary" | "json" | "text";

/** What an answer in each format says it is; the first is what a client gets that does not care. */
export const CONTENT_TYPES: Readonly<Record<PrpcFormat, string>> = {
  binary: "application/prpc; encoding=binary",
  json: "application/json",
  text: "application/prpc; encoding=text",
};

/** Media types that name no format of their own. */
const UNSPECIFIC = ["*/*", "application/*", "application/grpc"];

const UNSUPPORTED_MEDIA_TYPE = 415;
const NOT_ACCEPTABLE = 406;

/** The format of a request. Throws a ProtocolError for a type that is none of pRPC's. */
export function requestFormat(contentType: string | null): PrpcFormat {
  const format = contentType === null || contentType === "" ? "binary" : formatOf(parseMediaType(contentType));
  if (format !== undefined) return format;
  const message = `bad Content-Type header: ${quote(contentType ?? "")} is not one of ${supportedTypes()}`;
  throw new ProtocolError(Code.InvalidArgument, message, UNSUPPORTED_MEDIA_TYPE);
}

/** The format that a client likes best of those it accepts. Throws a ProtocolError when it accepts none. */
export function responseFormat(accept: string | null): PrpcFormat {
  if (accept === null || accept.trim() === "") return "binary";
  const accepted = accept.split(",").flatMap((entry) => {
    const { mediaType, quality } = parseAcceptEntry(entry);
    const format = formatOf(mediaType);
    return format === undefined ? [] : [{ format, quality }];
  });
  const order = Object.keys(CONTENT_TYPES);
  const [best] = accepted.toSorted(
    (a, b) => b.quality - a.quality || order.indexOf(a.format) - order.indexOf(b.format),
  );
  if (best) return best.format;
  const message = `bad Accept header: it names none of ${supportedTypes()}`;
  throw new ProtocolError(Code.InvalidArgument, message, NOT_ACCEPTABLE);
}

function supportedTypes(): string {
  return Object.values(CONTENT_TYPES)
    .map((type) => JSON.stringify(type))
    .join(", ");
}

interface MediaType {
  /** In lower case, like the names of the parameters; values are as they were. */
  readonly type: string;
  readonly parameters: ReadonlyMap<string, string>;
}

function formatOf(mediaType: MediaType | undefined): PrpcFormat | undefined {
  if (!mediaType) return undefined;
  const { type, parameters } = mediaType;
  if (type === "application/json") return "json";
  if (UNSPECIFIC.includes(type)) return "binary";
  if (type !== "application/prpc") return undefined;
  if ([...parameters.keys()].some((name) => name !== "encoding")) return undefined;
  const encoding = parameters.get("encoding") ?? "binary";
  return encoding === "binary" || encoding === "json" || encoding === "text" ? encoding : undefined;
}

const TYPE = /^\s*([\w!#$&^.+*-]+\/[\w!#$&^.+*-]+)\s*/;
const PARAMETER = /;\s*(?:([\w!#$%&'*+.^`|~-]+)=(?:"((?:[^"\\]|\\.)*)"|([\w!#$%&'*+.^`|~-]+))\s*|$)/y;

/** Undefined for what is no media type, or has a parameter twice (RFC 2045, section 5.1). */
function parseMediaType(text: string): MediaType | undefined {
  const type = TYPE.exec(text);
  if (!type?.[1]) return undefined;
  const parameters = new Map<string, string>();
  PARAMETER.lastIndex = type[0].length;
  while (PARAMETER.lastIndex < text.length) {
    const found = PARAMETER.exec(text);
    if (!found) return undefined;
    const [, name, quoted, plain] = found;
    if (name === undefined) break;
    if (parameters.has(name.toLowerCase())) return undefined;
    parameters.set(name.toLowerCase(), plain ?? (quoted ?? "").replaceAll(/\\(.)/g, "$1"));
  }
  return { type: type[1].toLowerCase(), parameters };
}

const QUALITY = /;\s*q\s*=\s*([^;]*)/i;

/** The quality is LUCI's: 0 does not exclude a type, and more than 1 is more. What follows it is nothing to us. */
function parseAcceptEntry(entry: string): { mediaType: MediaType | undefined; quality: number } {
  const found = QUALITY.exec(entry);
  const mediaType = parseMediaType(found ? entry.slice(0, found.index) : entry);
  const given = found?.[1]?.trim() ?? "1";
  if (/^[+-]?(\d+\.?\d*|\.\d+)$/.test(given)) return { mediaType, quality: Number(given) };
  throw new ProtocolError(Code.InvalidArgument, `bad Accept header: q=${quote(given)} is not a number`);
}
