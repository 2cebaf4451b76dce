import { create, createRegistry, fromBinary, fromJsonString } from "@bufbuild/protobuf";
import { fromText } from "@bufbuild/protobuf/txtpb";
import { type Any, AnySchema, anyUnpack } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import type { UniversalServerResponse } from "@connectrpc/connect/protocol";
import { MintMachineTokenResponseSchema } from "@tokens/api";
import { ErrorDetailsSchema } from "@tokens/api/prpc";
import { describe, expect, it } from "vitest";
import type { PrpcFormat } from "./prpc-format.js";
import { ProtocolError } from "./prpc-protocol-error.js";
import { respondEmpty, respondError, respondText } from "./prpc-response.js";

async function bodyOf({ body }: UniversalServerResponse): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body ?? []) chunks.push(chunk);
  return Buffer.concat(chunks).toString("utf8");
}

describe("respondError", () => {
  it.each([
    [Code.Canceled, 499],
    [Code.InvalidArgument, 400],
    [Code.NotFound, 404],
    [Code.AlreadyExists, 409],
    [Code.PermissionDenied, 403],
    [Code.ResourceExhausted, 429],
    [Code.FailedPrecondition, 400],
    [Code.Aborted, 409],
    [Code.OutOfRange, 400],
    [Code.Unauthenticated, 401],
  ])("shows a handler's own words with code %i, as status %i", async (code, status) => {
    const response = respondError(new ConnectError("own words", code, { "X-Extra": "1" }), "json");
    expect(response.status).toBe(status);
    expect(Object.fromEntries(response.header ?? [])).toEqual({
      "content-length": "10",
      "content-type": "text/plain; charset=utf-8",
      "x-content-type-options": "nosniff",
      "x-extra": "1",
      "x-prpc-grpc-code": String(code),
    });
    expect(await bodyOf(response)).toBe("own words\n");
  });

  it.each([
    [Code.Unknown, 500, "Unknown server error"],
    [Code.DeadlineExceeded, 504, "Request deadline exceeded"],
    [Code.Unimplemented, 501, "API method not implemented by the server"],
    [Code.Internal, 500, "Internal server error"],
    [Code.Unavailable, 503, "Service unavailable"],
    [Code.DataLoss, 500, "Unrecoverable data loss or data corruption"],
  ])("hides a handler's words with code %i, as status %i", async (code, status, words) => {
    const response = respondError(new ConnectError("the database at 10.0.0.1 is down", code), "json");
    expect(response.status).toBe(status);
    expect(await bodyOf(response)).toBe(`${words}\n`);
  });

  it("shows the protocol's own words with every code, and its own status", async () => {
    const unavailable = respondError(new ProtocolError(Code.Unavailable, "too big"), "binary");
    expect([unavailable.status, await bodyOf(unavailable)]).toEqual([503, "too big\n"]);
    expect(respondError(new ProtocolError(Code.InvalidArgument, "what?", 415), "binary").status).toBe(415);
  });

  it("does not let an error's metadata pretend to be the protocol's", () => {
    const forged = {
      "Content-Type": "text/html",
      "Content-Length": "1",
      "X-Prpc-Grpc-Code": "0",
      "X-Content-Type-Options": "",
    };
    const headers = respondError(new ConnectError("words", Code.NotFound, forged), "binary").header;
    expect(Object.fromEntries(headers ?? [])).toEqual({
      "content-length": "6",
      "content-type": "text/plain; charset=utf-8",
      "x-content-type-options": "nosniff",
      "x-prpc-grpc-code": "5",
    });
  });

  const registry = createRegistry(ErrorDetailsSchema, MintMachineTokenResponseSchema);
  const readers: Record<PrpcFormat, (bytes: Buffer) => Any> = {
    binary: (bytes) => fromBinary(AnySchema, bytes),
    json: (bytes) => fromJsonString(AnySchema, bytes.toString("utf8"), { registry }),
    text: (bytes) => fromText(AnySchema, bytes.toString("utf8"), { registry }),
  };

  it.each(["binary", "json", "text"] as const)("writes details in the format of the answer (%s)", (format) => {
    const error = new ConnectError("words", Code.NotFound, undefined, [
      { desc: MintMachineTokenResponseSchema, value: { serviceVersion: "a" } },
      { desc: MintMachineTokenResponseSchema, value: { serviceVersion: "b" } },
    ]);
    const given = respondError(error, format).header?.get("x-prpc-status-details-bin") ?? "";
    const details = given.split(", ").map((each) => anyUnpack(readers[format](Buffer.from(each, "base64")), registry));
    expect(details).toMatchObject([{ serviceVersion: "a" }, { serviceVersion: "b" }]);
  });

  it("writes the protocol's own details", () => {
    const value = { responseSize: 139n, responseLimit: 10n };
    const details = create(ErrorDetailsSchema, { kind: { case: "responseTooBig", value } });
    const response = respondError(new ProtocolError(Code.Unavailable, "too big", undefined, details), "json");
    const header = Buffer.from(response.header?.get("x-prpc-status-details-bin") ?? "", "base64").toString("utf8");
    expect(JSON.parse(header)).toEqual({
      "@type": "type.googleapis.com/luci.prpc.ErrorDetails",
      responseTooBig: { responseSize: "139", responseLimit: "10" },
    });
  });
});

describe("answers outside of the protocol", () => {
  it("are a line of text, or nothing", async () => {
    const text = respondText(405, "no", { allow: "POST" });
    expect([text.status, text.header?.get("allow"), await bodyOf(text)]).toEqual([405, "POST", "no\n"]);
    const empty = respondEmpty(307, { location: "/x" });
    expect([empty.status, empty.header?.get("location"), await bodyOf(empty)]).toEqual([307, "/x", ""]);
    expect(empty.header?.has("content-type")).toBe(false);
  });
});
