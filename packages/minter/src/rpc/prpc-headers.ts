import { Code } from "@connectrpc/connect";
import { ProtocolError, quote } from "./prpc-protocol-error.js";

const MILLISECONDS: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 };

const MAX_INT64 = 2n ** 63n - 1n;

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** How long the client waits, in milliseconds, if it says so. It may be over already. Throws a ProtocolError. */
export function announcedTimeoutMs(header: Headers): number | undefined {
  const given = header.get("x-prpc-grpc-timeout");
  if (given === null || given === "") return undefined;
  const unit = MILLISECONDS[given.slice(-1)];
  const count = parseInt64(given.slice(0, -1));
  if (unit !== undefined && count !== undefined) return Number(count) * unit;
  throw refuse(`bad request headers: X-Prpc-Grpc-Timeout ${quote(given)} is not a number and one of H M S m u n`);
}

/** The largest answer that the client takes, in bytes, if it says so. Throws a ProtocolError. */
export function maxResponseBytes(header: Headers): number | undefined {
  const given = header.get("x-prpc-max-response-size");
  if (given === null || given === "") return undefined;
  const size = parseInt64(given);
  if (size !== undefined && size > 0n) return Number(size);
  throw refuse(`bad X-Prpc-Max-Response-Size value ${quote(given)}: it must be a positive number`);
}

/** Headers that carry bytes are in base64. Throws a ProtocolError. */
export function checkBinaryHeaders(header: Headers): void {
  for (const [name, value] of header) {
    if (!name.endsWith("-bin") || name.startsWith("x-prpc-")) continue;
    const isGood = value.split(",").every((part) => BASE64.test(part.trim()));
    if (!isGood) throw refuse(`bad request headers: ${quote(name)} is not base64`);
  }
}

function parseInt64(text: string): bigint | undefined {
  if (!/^[+-]?\d{1,20}$/.test(text)) return undefined;
  const value = BigInt(text.replace("+", ""));
  return value > MAX_INT64 || value < -MAX_INT64 - 1n ? undefined : value;
}

function refuse(message: string): ProtocolError {
  return new ProtocolError(Code.InvalidArgument, message);
}
