import { promisify } from "node:util";
import { gunzip, gzip } from "node:zlib";
import { Code } from "@connectrpc/connect";
import type { UniversalServerRequest } from "@connectrpc/connect/protocol";
import { ProtocolError } from "./prpc-protocol-error.js";

/** Answers up to this size are not worth compressing, in bytes. */
const COMPRESS_OVER_BYTES = 1024;

const gunzipAsync = promisify(gunzip);
const gzipAsync = promisify(gzip);

/** Reads a request's body, decompressed: neither before nor after may it be larger. Throws a ProtocolError. */
export async function readBody({ body, header }: UniversalServerRequest, maxBytes: number): Promise<Buffer> {
  const bytes = await readBytes(body, maxBytes);
  // LUCI's server takes a body as it is when it does not know the encoding.
  return header.get("content-encoding") === "gzip" ? decompress(bytes, maxBytes) : bytes;
}

async function readBytes(body: UniversalServerRequest["body"], maxBytes: number): Promise<Buffer> {
  if (typeof body !== "object" || body === null || !(Symbol.asyncIterator in body)) {
    throw new TypeError("the body of a pRPC call was read by someone else before");
  }
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of untilGone(body)) {
    size += chunk.length;
    if (size > maxBytes) throw tooBig(`reading the request: the request size exceeds the server limit ${maxBytes}`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** A body that cannot be read to its end is that of a client that went away. */
async function* untilGone(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* body;
  } catch {
    throw new ProtocolError(Code.Canceled, "reading the request: the client went away");
  }
}

async function decompress(bytes: Buffer, maxBytes: number): Promise<Buffer> {
  try {
    return await gunzipAsync(bytes, { maxOutputLength: maxBytes });
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    const doing = "decompressing the request:";
    if (code === "ERR_BUFFER_TOO_LARGE") {
      throw tooBig(`${doing} the decompressed request size exceeds the server limit ${maxBytes}`);
    }
    // What is cut short looks like a client that went away.
    if (code === "Z_BUF_ERROR") throw new ProtocolError(Code.Canceled, `${doing} it ends early`);
    throw new ProtocolError(Code.InvalidArgument, `${doing} it is not gzip`);
  }
}

function tooBig(message: string): ProtocolError {
  return new ProtocolError(Code.Unavailable, message);
}

/** Compresses an answer if its client takes that and it is worth it. */
export async function compressBody(body: Buffer, acceptEncoding: string | null): Promise<Buffer | undefined> {
  if (body.length <= COMPRESS_OVER_BYTES || !acceptsGzip(acceptEncoding ?? "")) return undefined;
  return gzipAsync(body);
}

function acceptsGzip(acceptEncoding: string): boolean {
  return acceptEncoding.split(",").some((entry) => {
    const [name = "", ...parameters] = entry.split(";").map((part) => part.trim().toLowerCase());
    return name === "gzip" && !parameters.some((parameter) => /^q\s*=\s*0(\.0*)?$/.test(parameter));
  });
}
