import { connectHeaders, readConnectAnswer } from "./connect-unary.js";
import { postBytes } from "./post-bytes.js";
import type { Connection } from "./post-connection.js";
import { postGrpc } from "./post-grpc.js";
import { encodeTimeout, prpcHeaders, requirePrpcAnswer } from "./prpc-unary.js";

/** How a call travels: LUCI's servers speak `prpc` alone, ours speaks all; `grpc` needs HTTP/2 all the way. */
export type UnaryProtocol = "prpc" | "connect" | "grpc";

/** One unary call. */
export interface UnaryCall {
  readonly protocol: UnaryProtocol;
  /** Base URL of the server. */
  readonly url: string;
  /** `<service>/<method>` */
  readonly method: string;
  readonly body: Uint8Array;
  /** Ends the call. */
  readonly signal: AbortSignal;
  /** How long the server may take, in milliseconds: announced to it. */
  readonly timeoutMs?: number;
  /** How the server is reached. Default: directly. */
  readonly connection?: Connection;
}

const PROTOCOLS = {
  connect: { path: "", headers: connectHeaders, read: readConnectAnswer },
  prpc: { path: "prpc/", headers: prpcHeaders, read: requirePrpcAnswer },
};

/** Posts a protobuf message and returns the bytes of the answer: one attempt, no redirects. Rejects with a MintError. */
export async function postUnary(call: UnaryCall): Promise<Uint8Array> {
  if (call.protocol === "grpc") return postAsGrpc(call);
  const { path, headers, read } = PROTOCOLS[call.protocol];
  const url = `${call.url.replace(/\/+$/, "")}/${path}${call.method}`;
  const { body, signal, connection = {} } = call;
  return read(await postBytes({ url, headers: headers(call.timeoutMs), body, signal, connection }));
}

function postAsGrpc({ url, method, timeoutMs, ...post }: UnaryCall): Promise<Uint8Array> {
  const timeout = timeoutMs === undefined ? {} : { "grpc-timeout": encodeTimeout(timeoutMs) };
  const headers = { "content-type": "application/grpc+proto", te: "trailers", ...timeout };
  return postGrpc({ ...post, url: `${url.replace(/\/+$/, "")}/${method}`, headers });
}
