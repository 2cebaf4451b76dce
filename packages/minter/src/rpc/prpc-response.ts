import { create, createRegistry, type DescMessage, type Message } from "@bufbuild/protobuf";
import { AnySchema, anyPack } from "@bufbuild/protobuf/wkt";
import { Code, type ConnectError } from "@connectrpc/connect";
import { createAsyncIterable, type UniversalServerResponse } from "@connectrpc/connect/protocol";
import { ErrorDetailsSchema } from "@tokens/api/prpc";
import { encodeValue } from "./prpc-codec.js";
import type { PrpcFormat } from "./prpc-format.js";
import { ProtocolError } from "./prpc-protocol-error.js";

const HTTP_STATUS: Readonly<Record<Code, number>> = {
  [Code.Canceled]: 499,
  [Code.Unknown]: 500,
  [Code.InvalidArgument]: 400,
  [Code.DeadlineExceeded]: 504,
  [Code.NotFound]: 404,
  [Code.AlreadyExists]: 409,
  [Code.PermissionDenied]: 403,
  [Code.ResourceExhausted]: 429,
  [Code.FailedPrecondition]: 400,
  [Code.Aborted]: 409,
  [Code.OutOfRange]: 400,
  [Code.Unimplemented]: 501,
  [Code.Internal]: 500,
  [Code.Unavailable]: 503,
  [Code.DataLoss]: 500,
  [Code.Unauthenticated]: 401,
};

/** What a caller reads instead of a handler's words, where those may tell how the server works. */
const CANNED: Partial<Record<Code, string>> = {
  [Code.Unknown]: "Unknown server error",
  [Code.Internal]: "Internal server error",
  [Code.Unimplemented]: "API method not implemented by the server",
  [Code.Unavailable]: "Service unavailable",
  [Code.DeadlineExceeded]: "Request deadline exceeded",
  [Code.DataLoss]: "Unrecoverable data loss or data corruption",
};

/** An answer with a body. */
export function respond(status: number, headers: Headers, body: Uint8Array): UniversalServerResponse {
  headers.set("content-length", String(body.length));
  return { status, header: headers, body: createAsyncIterable([body]) };
}

/** An answer that is a line of plain text. */
export function respondText(
  status: number,
  text: string,
  headers: Record<string, string> = {},
): UniversalServerResponse {
  const type = { "content-type": "text/plain; charset=utf-8", "x-content-type-options": "nosniff" };
  return respond(status, new Headers({ ...headers, ...type }), Buffer.from(`${text}\n`));
}

/** An answer without a body. */
export function respondEmpty(status: number, headers: Record<string, string> = {}): UniversalServerResponse {
  return respond(status, new Headers(headers), new Uint8Array());
}

/** A failed call: its code in a header, its words in the body, its details in the format of the answer that was asked for. */
export function respondError(error: ConnectError | ProtocolError, format: PrpcFormat): UniversalServerResponse {
  const isProtocols = error instanceof ProtocolError;
  const status = (isProtocols ? error.status : undefined) ?? HTTP_STATUS[error.code] ?? 500;
  const words = isProtocols ? error.message : (CANNED[error.code] ?? error.rawMessage);
  const headers = isProtocols ? {} : Object.fromEntries(error.metadata);
  const answer = respondText(status, words, headers);
  for (const { schema, message } of detailsOf(error)) {
    const detail = encodeValue(AnySchema, format, anyPack(schema, message), createRegistry(schema));
    answer.header?.append("x-prpc-status-details-bin", detail.toString("base64"));
  }
  answer.header?.set("x-prpc-grpc-code", String(error.code));
  return answer;
}

function detailsOf(error: ConnectError | ProtocolError): { schema: DescMessage; message: Message }[] {
  if (error instanceof ProtocolError) {
    return error.details ? [{ schema: ErrorDetailsSchema, message: error.details }] : [];
  }
  // A handler's own details come with their schema; only those of a received error do not.
  return error.details.flatMap((detail) =>
    "desc" in detail ? [{ schema: detail.desc, message: create(detail.desc, detail.value) }] : [],
  );
}
