import { MintError } from "./errors.js";
import { grpcCodeOf, rpcError } from "./grpc-code.js";
import type { HttpAnswer } from "./post-bytes.js";

/** The headers of a unary call in the Connect protocol, binary. The server may take `timeoutMs`. */
export function connectHeaders(timeoutMs: number | undefined): Record<string, string> {
  return {
    "content-type": "application/proto",
    "connect-protocol-version": "1",
    ...(timeoutMs === undefined ? {} : { "connect-timeout-ms": String(Math.max(1, Math.ceil(timeoutMs))) }),
  };
}

/** The message of an answer in the Connect protocol. Throws a MintError when it is none. */
export function readConnectAnswer({ status, headers, body }: HttpAnswer): Buffer {
  const type = headers["content-type"] ?? "application/proto";
  if (status === 200 && type.startsWith("application/proto")) return body;
  if (status === 200) throw new MintError("BAD_RESPONSE", `the server answered with content type ${type}`);
  throw failure(status, body);
}

/** The body of an error is JSON with a code and a message; anything else is judged by the HTTP status. */
function failure(status: number, body: Buffer): MintError {
  const said = parseObject(body);
  const words = typeof said["message"] === "string" ? said["message"] : `HTTP status ${status}`;
  return rpcError(grpcCodeOf(said["code"], status), words);
}

/** Empty for what is no answer of the protocol, perhaps of a proxy. */
function parseObject(body: Buffer): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(body.toString("utf8"));
    return typeof value === "object" && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}
