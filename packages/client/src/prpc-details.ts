import type { IncomingHttpHeaders } from "node:http";
import { fromBinary } from "@bufbuild/protobuf";
import { type Any, AnySchema } from "@bufbuild/protobuf/wkt";
import type { ConnectError } from "@connectrpc/connect";

/** The details of a pRPC error: each is a base64 google.protobuf.Any. What cannot be read is left out: the error counts. */
export function errorDetails(headers: IncomingHttpHeaders): ConnectError["details"] {
  const values = [headers["x-prpc-status-details-bin"] ?? []].flat().flatMap((value) => value.split(","));
  return values.flatMap((value) => {
    const detail = value.trim() === "" ? undefined : readDetail(value);
    return detail ? [{ type: detail.typeUrl.replace(/^.*\//, ""), value: detail.value }] : [];
  });
}

function readDetail(base64: string): Any | undefined {
  try {
    return fromBinary(AnySchema, Buffer.from(base64, "base64"));
  } catch {
    return undefined;
  }
}
