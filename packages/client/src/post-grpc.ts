import type { ClientHttp2Session, IncomingHttpHeaders } from "node:http2";
import { MintError } from "./errors.js";
import { GRPC, grpcCodeOf, rpcError } from "./grpc-code.js";
import { type HttpPost, MAX_RESPONSE_BYTES, networkError } from "./post-bytes.js";
import { openSocket } from "./post-connection.js";

/** Bytes in front of a message: a flag, 0 where the message is not compressed, and its length. */
const PREFIX_BYTES = 5;

/** What came back of a call: the last headers win, which are the trailers. */
interface GrpcAnswer {
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/**
 * Posts one message as gRPC over HTTP/2 and returns the message of the answer: one attempt on a connection of its own.
 * Rejects with a MintError.
 */
export async function postGrpc(post: HttpPost): Promise<Buffer> {
  const url = new URL(post.url);
  const session = await open(url, post).catch((error: Error) => {
    throw networkError(error);
  });
  try {
    return readAnswer(await call(session, url, post));
  } finally {
    session.destroy();
  }
}

async function open(url: URL, { connection = {}, signal }: HttpPost): Promise<ClientHttp2Session> {
  const { connect } = await import("node:http2");
  const { ca } = connection;
  const socket = await openSocket(url, connection, signal, ["h2"]);
  return connect(url, { ...(ca !== undefined && { ca }), ...(socket && { createConnection: () => socket }) });
}

function call(session: ClientHttp2Session, url: URL, { headers, body, signal }: HttpPost): Promise<GrpcAnswer> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error) => reject(error instanceof MintError ? error : networkError(error));
    session.on("error", fail);
    const request = session.request({ ":method": "POST", ":path": url.pathname, ...headers }, { signal });
    const chunks: Buffer[] = [];
    let [size, last]: [number, IncomingHttpHeaders] = [0, {}];
    const note = (more: IncomingHttpHeaders) => (last = { ...last, ...more });
    request.on("response", note).on("trailers", note).on("error", fail);
    request.on("data", (chunk: Buffer) => {
      size += chunk.length;
      if (size <= MAX_RESPONSE_BYTES + PREFIX_BYTES) return chunks.push(chunk);
      fail(new MintError("BAD_RESPONSE", "the response is too big", { grpcCode: GRPC.unavailable }));
      return request.destroy();
    });
    request.on("close", () => resolve({ headers: last, body: Buffer.concat(chunks) }));
    const prefix = Buffer.alloc(PREFIX_BYTES);
    prefix.writeUInt32BE(body.length, 1);
    request.end(Buffer.concat([prefix, body]));
  });
}

/** A call without a status, or with an HTTP status of its own, was answered by something that is no gRPC server. */
function readAnswer({ headers, body }: GrpcAnswer): Buffer {
  const status = Number(headers[":status"] ?? 0);
  const given = headers["grpc-status"];
  const isCode = typeof given === "string" && /^\d+$/.test(given);
  // A gRPC server says yes with HTTP status 200 alone.
  const isBelieved = isCode && (Number(given) !== 0 || status === 200);
  const grpcCode = isBelieved ? Number(given) : grpcCodeOf(undefined, status);
  if (grpcCode !== 0) throw rpcError(grpcCode, decodeWords(headers["grpc-message"]) || `HTTP status ${status}`);
  if (body.length >= PREFIX_BYTES && body[0] === 0 && body.readUInt32BE(1) === body.length - PREFIX_BYTES) {
    return body.subarray(PREFIX_BYTES);
  }
  throw new MintError("BAD_RESPONSE", "the server's answer is not one gRPC message", { grpcCode: GRPC.internal });
}

/** Percent-encoded by the sender (gRPC over HTTP/2); a percent sign that encodes nothing stands for itself. */
function decodeWords(words: IncomingHttpHeaders[string]): string {
  const bytes = String(words ?? "").replace(/%([0-9a-f]{2})/gi, (_, hex: string) =>
    String.fromCharCode(parseInt(hex, 16)),
  );
  return Buffer.from(bytes, "latin1").toString();
}
