import type { IncomingMessage } from "node:http";
import { MintError } from "./errors.js";
import { GRPC, grpcCodeOf, isTransient } from "./grpc-code.js";

/** Largest response that is read, in bytes: as much as LUCI's client takes. */
const MAX_RESPONSE_BYTES = 32 * 1024 * 1024 - 32 * 1024;

/** One unary call of the Connect protocol. */
export interface UnaryCall {
  /** Base URL of the server. */
  readonly url: string;
  /** `<service>/<method>` */
  readonly method: string;
  readonly body: Uint8Array;
  /** Ends the call. */
  readonly signal: AbortSignal;
  /** How long the server may take, in milliseconds: announced to it. */
  readonly timeoutMs?: number;
}

/** Posts a protobuf message and returns the bytes of the answer: one attempt, no redirects. Rejects with a MintError. */
export async function postUnary(call: UnaryCall): Promise<Uint8Array> {
  const response = await send(call);
  const body = await readBody(response);
  const status = response.statusCode ?? 0;
  const type = response.headers["content-type"] ?? "application/proto";
  if (status === 200 && type.startsWith("application/proto")) return body;
  if (status === 200) throw new MintError("BAD_RESPONSE", `the server answered with content type ${type}`);
  throw rpcError(status, body);
}

/** Loaded only now: an agent whose token is good needs neither. */
async function send({ url, method, body, signal, timeoutMs }: UnaryCall): Promise<IncomingMessage> {
  const target = new URL(`${url.replace(/\/+$/, "")}/${method}`);
  const { request } = target.protocol === "https:" ? await import("node:https") : await import("node:http");
  const headers = {
    "content-type": "application/proto",
    "content-length": body.length,
    "connect-protocol-version": "1",
    ...(timeoutMs === undefined ? {} : { "connect-timeout-ms": String(Math.max(1, Math.ceil(timeoutMs))) }),
  };
  return new Promise((resolve, reject) => {
    request(target, { method: "POST", headers, signal }, resolve)
      .on("error", (error) => reject(networkError(error)))
      .end(body);
  });
}

async function readBody(response: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > MAX_RESPONSE_BYTES) break;
      chunks.push(chunk);
    }
  } catch (error) {
    throw networkError(error as Error);
  }
  if (size > MAX_RESPONSE_BYTES) throw new MintError("BAD_RESPONSE", "the response is too big");
  return Buffer.concat(chunks);
}

function networkError(error: Error): MintError {
  const timedOut = "code" in error && error.code === "ETIMEDOUT";
  const grpcCode = timedOut ? GRPC.deadlineExceeded : GRPC.internal;
  return new MintError("UNAVAILABLE", `the token server cannot be reached: ${error.message}`, {
    grpcCode,
    cause: error,
  });
}

/** The body of an error is JSON with a code and a message; anything else is judged by the HTTP status. */
function rpcError(status: number, body: Buffer): MintError {
  let said: { code?: unknown; message?: unknown } = {};
  try {
    const value: unknown = JSON.parse(body.toString("utf8"));
    if (typeof value === "object" && value !== null) said = value;
  } catch {
    // Not an answer of the protocol, perhaps of a proxy: the status has to do.
  }
  const grpcCode = grpcCodeOf(said.code, status);
  const words = typeof said.message === "string" ? said.message : `HTTP status ${status}`;
  const code = isTransient(grpcCode) ? "UNAVAILABLE" : "REFUSED";
  return new MintError(code, `rpc error: code ${grpcCode}: ${words}`, { grpcCode });
}
