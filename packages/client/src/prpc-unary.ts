import { MintError, type MintErrorCode } from "./errors.js";
import { GRPC, isTransient } from "./grpc-code.js";
import { type HttpAnswer, MAX_RESPONSE_BYTES } from "./post-bytes.js";

const BINARY = "application/prpc; encoding=binary";

/** Longest message of an error that is kept, in bytes: as much as LUCI's client keeps. */
const MAX_MESSAGE_BYTES = 4096;

/** The units of a timeout in nanoseconds, from the smallest up. */
const TIMEOUT_UNITS: readonly [name: string, nanoseconds: number][] = [
  ["n", 1],
  ["u", 1e3],
  ["m", 1e6],
  ["S", 1e9],
  ["M", 60e9],
  ["H", 3600e9],
];
const MAX_TIMEOUT_DIGITS = 99_999_999;

/** The headers of a unary call in LUCI's pRPC, binary. The server may take `timeoutMs`. */
export function prpcHeaders(timeoutMs: number | undefined): Record<string, string> {
  return {
    "content-type": BINARY,
    accept: BINARY,
    "x-prpc-max-response-size": String(MAX_RESPONSE_BYTES),
    ...(timeoutMs === undefined ? {} : { "x-prpc-grpc-timeout": encodeTimeout(timeoutMs) }),
  };
}

/** A timeout as gRPC and pRPC write it: in the smallest unit in which it has at most eight digits, rounded up. */
export function encodeTimeout(timeoutMs: number): string {
  const nanoseconds = Math.max(1, timeoutMs * 1e6);
  for (const [name, unit] of TIMEOUT_UNITS) {
    const value = Math.ceil(nanoseconds / unit);
    if (value <= MAX_TIMEOUT_DIGITS) return `${value}${name}`;
  }
  return `${MAX_TIMEOUT_DIGITS}H`;
}

/** A call that failed: by gRPC's codes, and whether another try may help. */
export interface PrpcFailure {
  readonly grpcCode: number;
  readonly message: string;
  readonly code: MintErrorCode;
}

/** The message of an answer in pRPC, or why it is none. The HTTP status counts only where the protocol's code is missing. */
export function readPrpcAnswer(answer: HttpAnswer): Buffer | PrpcFailure {
  const { headers, body } = answer;
  const given = headers["x-prpc-grpc-code"];
  if (given === undefined) return withoutCode(answer);
  if (typeof given !== "string" || !/^[+-]?\d+$/.test(given)) {
    return failure(GRPC.internal, `the server answered with X-Prpc-Grpc-Code ${JSON.stringify(given)}`);
  }
  const grpcCode = Number(given);
  if (saysTooBig(headers)) return { grpcCode, message: errorMessage(body), code: "BAD_RESPONSE" };
  if (grpcCode !== 0) return failure(grpcCode, errorMessage(body));
  const type = headers["content-type"] ?? BINARY;
  if (isBinary(type)) return body;
  const message = `the server answered with content type ${type}`;
  return { grpcCode: GRPC.internal, message, code: "BAD_RESPONSE" };
}

/** As {@link readPrpcAnswer}, but throws a MintError for a failure. */
export function requirePrpcAnswer(answer: HttpAnswer): Buffer {
  const read = readPrpcAnswer(answer);
  if (Buffer.isBuffer(read)) return read;
  const { code, grpcCode, message } = read;
  throw new MintError(code, `rpc error: code ${grpcCode}: ${message}`, { grpcCode });
}

function failure(grpcCode: number, message: string): PrpcFailure {
  return { grpcCode, message, code: isTransient(grpcCode) ? "UNAVAILABLE" : "REFUSED" };
}

/** The one thing that the protocol says in a detail: that the answer was too big. The code alone asks for another try. */
function saysTooBig(headers: HttpAnswer["headers"]): boolean {
  const details = String(headers["x-prpc-status-details-bin"] ?? "").split(",");
  return details.some((detail) => Buffer.from(detail, "base64").includes("luci.prpc.ErrorDetails"));
}

function isBinary(type: string): boolean {
  const compact = type.toLowerCase().replaceAll(/[\s"]/g, "");
  return compact === "application/prpc" || compact === "application/prpc;encoding=binary";
}

/** Not an answer of the protocol, perhaps of a proxy. What is not known to be a refusal may be better the next time. */
function withoutCode({ status, headers, body }: HttpAnswer): PrpcFailure {
  const isPage = headers["content-type"]?.startsWith("text/html") === true;
  const words = isPage ? textOfPage(body.toString("utf8")) : errorMessage(body);
  if (status === 401) return failure(GRPC.unauthenticated, words);
  if (status === 403) return failure(GRPC.permissionDenied, words);
  if (status === 503) return failure(GRPC.unavailable, words);
  if (status >= 500) return failure(GRPC.internal, words);
  return failure(GRPC.internal, `no X-Prpc-Grpc-Code header, HTTP status ${status}: ${words}`);
}

function errorMessage(body: Buffer): string {
  const length = body.at(-1) === 0x0a ? body.length - 1 : body.length;
  const kept = body.toString("utf8", 0, Math.min(length, MAX_MESSAGE_BYTES));
  return length > MAX_MESSAGE_BYTES ? `${kept}...` : kept;
}

/** What a page says, without its markup. Its beginning will do. */
function textOfPage(html: string): string {
  const text = html.slice(0, 4 * MAX_MESSAGE_BYTES).replaceAll(/<[^<>]*>/g, " ");
  return errorMessage(Buffer.from(text.replaceAll(/\s+/g, " ").trim()));
}
