import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type PrpcFormat, requestFormat, responseFormat } from "./prpc-format.js";
import { ProtocolError } from "./prpc-protocol-error.js";

const refusal = (status: number | undefined) => expect.objectContaining({ name: "ProtocolError", code: 3, status });

describe("requestFormat", () => {
  it.each<[string | null, PrpcFormat]>([
    [null, "binary"],
    ["", "binary"],
    ["*/*", "binary"],
    ["application/*", "binary"],
    ["application/grpc", "binary"],
    ["application/prpc", "binary"],
    ["application/prpc; encoding=binary", "binary"],
    ["application/prpc;encoding=json", "json"],
    ["application/prpc ; encoding=text ;", "text"],
    ['application/prpc; encoding="te\\xt"', "text"],
    ["Application/PRPC; Encoding=text", "text"],
    ["application/json", "json"],
    ["application/json; charset=utf-8", "json"],
  ])("reads %j", (type, format) => {
    expect(requestFormat(type)).toBe(format);
  });

  it.each([
    "text/plain",
    "application/proto",
    "application/grpc-web+proto",
    "application/prpc; encoding=BINARY",
    "application/prpc; encoding=",
    "application/prpc; encoding=binary; v=1",
    "application/prpc; encoding=binary; encoding=binary",
    "application/prpc, application/json",
    "application",
    "application/prpc encoding=binary",
    'application/prpc; encoding="binary',
    "application/json; =x",
  ])("refuses %j with status 415", (type) => {
    expect(() => requestFormat(type)).toThrow(refusal(415));
  });
});

describe("responseFormat", () => {
  it.each<[string | null, PrpcFormat]>([
    [null, "binary"],
    [" ", "binary"],
    ["*/*", "binary"],
    ["text/html, application/json", "json"],
    ["application/json,,", "json"],
    ["application/json, application/prpc; encoding=binary", "binary"],
    ["application/prpc; encoding=text, application/json", "json"],
    ["application/prpc; encoding=text; q=0.9, application/json; Q=0.8", "text"],
    ["application/json; q=0", "json"],
    ["application/json; q=2, */*", "json"],
    ["application/json; charset=utf-8; q=.5; level=1", "json"],
    ["text/html,application/xml;q=0.9,*/*;q=0.8", "binary"],
    ["nonsense, application/json", "json"],
  ])("reads %j", (accept, format) => {
    expect(responseFormat(accept)).toBe(format);
  });

  it.each(["text/html", "application/prpc; encoding=xml", ","])("refuses %j with status 406", (accept) => {
    expect(() => responseFormat(accept)).toThrow(refusal(406));
  });

  it.each(["application/json; q=x", "application/json; q=", "text/html; q=1.2.3"])("cannot read %j", (accept) => {
    expect(() => responseFormat(accept)).toThrow(refusal(undefined));
  });
});

it("refuses or reads whatever a header holds, at once", () => {
  const part = fc.constantFrom(
    "application/",
    "prpc",
    "json",
    ";",
    "=",
    '"',
    "\\",
    "q",
    "encoding",
    ",",
    " ",
    "0.5",
    "/",
  );
  fc.assert(
    fc.property(
      fc.array(part, { maxLength: 400 }).map((parts) => parts.join("")),
      (header) => {
        for (const read of [requestFormat, responseFormat]) {
          try {
            expect(["binary", "json", "text"]).toContain(read(header));
          } catch (error) {
            expect(error).toBeInstanceOf(ProtocolError);
          }
        }
      },
    ),
    { numRuns: 1000 },
  );
  expect(() => requestFormat(`application/prpc${"; ".repeat(8000)}`)).toThrow(ProtocolError);
});

it("does not repeat what is long", () => {
  const long = "x".repeat(10_000);
  const short = expect.objectContaining({ message: expect.stringMatching(/^.{0,300}$/) });
  expect(() => requestFormat(long)).toThrow(short);
  expect(() => responseFormat(`application/json; q=${long}`)).toThrow(short);
});
