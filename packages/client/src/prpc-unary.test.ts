import { describe, expect, it } from "vitest";
import { MintError } from "./errors.js";
import { prpcHeaders, readPrpcAnswer, requirePrpcAnswer } from "./prpc-unary.js";

const binary = "application/prpc; encoding=binary";
const answer = (status: number, headers: Record<string, string>, body: string | Buffer = "") => ({
  status,
  headers,
  body: Buffer.from(body),
});

describe("prpcHeaders", () => {
  it("ask for the binary encoding and for no more than is read", () => {
    expect(prpcHeaders(undefined)).toEqual({
      "content-type": binary,
      accept: binary,
      "x-prpc-max-response-size": "33521664",
    });
  });

  it.each([
    [60_000, "60000000u"],
    [1500, "1500000u"],
    [99.999999, "99999999n"],
    [100, "100000u"],
    [100_000, "100000m"],
    [0.0000001, "1n"],
    [-5, "1n"],
    [0.1000001, "100001n"],
    [99_999_999_000, "99999999S"],
    [1e11, "1666667M"],
    [Number.MAX_SAFE_INTEGER, "99999999H"],
  ])("announce %d ms as %s", (timeoutMs, expected) => {
    expect(prpcHeaders(timeoutMs)["x-prpc-grpc-timeout"]).toBe(expected);
  });
});

describe("readPrpcAnswer", () => {
  it.each([
    ["the type that was asked for", { "content-type": binary }],
    ["no type", {}],
    ["the type without its encoding", { "content-type": "application/prpc" }],
    ["the type in other letters", { "content-type": 'Application/PRPC;encoding="binary"' }],
  ])("takes a success with %s, whatever the status", (_, headers) => {
    const read = readPrpcAnswer(answer(500, { "x-prpc-grpc-code": "0", ...headers }, "message"));
    expect(read).toEqual(Buffer.from("message"));
  });

  it.each([
    ["JSON", "application/json"],
    ["pRPC's text", "application/prpc; encoding=text"],
    ["a page", "text/html"],
  ])("does not take a success in %s, and another try would not help", (_, type) => {
    const read = readPrpcAnswer(answer(200, { "x-prpc-grpc-code": "0", "content-type": type }, "{}"));
    expect(read).toMatchObject({ grpcCode: 13, code: "BAD_RESPONSE" });
  });

  it.each([
    ["1", "REFUSED"],
    ["2", "UNAVAILABLE"],
    ["3", "REFUSED"],
    ["4", "UNAVAILABLE"],
    ["8", "REFUSED"],
    ["12", "REFUSED"],
    ["13", "UNAVAILABLE"],
    ["14", "UNAVAILABLE"],
    ["16", "REFUSED"],
    ["99", "REFUSED"],
  ])("reads code %s as %s, whatever the status", (given, code) => {
    const read = readPrpcAnswer(answer(200, { "x-prpc-grpc-code": given }, "words\n"));
    expect(read).toEqual({ grpcCode: Number(given), message: "words", code });
  });

  it("knows that an answer which was too big will be so again", () => {
    const details = "Cip0eXBlLmdvb2dsZWFwaXMuY29tL2x1Y2kucHJwYy5FcnJvckRldGFpbHMSBwoFCIsBEAo=";
    const headers = { "x-prpc-grpc-code": "14", "x-prpc-status-details-bin": `AAAA, ${details}` };
    expect(readPrpcAnswer(answer(503, headers, "too big\n"))).toEqual({
      grpcCode: 14,
      message: "too big",
      code: "BAD_RESPONSE",
    });
  });

  it.each(["", "x", "1.5", "0, 0", "0x0", "٣"])("gives a code that is no number another try (%j)", (given) => {
    expect(readPrpcAnswer(answer(200, { "x-prpc-grpc-code": given }, "message"))).toMatchObject({
      grpcCode: 13,
      code: "UNAVAILABLE",
    });
  });

  it.each([
    [200, 13, "UNAVAILABLE"],
    [307, 13, "UNAVAILABLE"],
    [401, 16, "REFUSED"],
    [403, 7, "REFUSED"],
    [404, 13, "UNAVAILABLE"],
    [500, 13, "UNAVAILABLE"],
    [502, 13, "UNAVAILABLE"],
    [503, 14, "UNAVAILABLE"],
  ])("judges an answer without a code by its status %i", (status, grpcCode, code) => {
    expect(readPrpcAnswer(answer(status, {}, "words"))).toMatchObject({ grpcCode, code });
  });

  it("cuts one line feed off a message, and what is longer than 4096 bytes", () => {
    const messageOf = (body: string) => readPrpcAnswer(answer(400, { "x-prpc-grpc-code": "3" }, body));
    expect(messageOf("a\n\n")).toMatchObject({ message: "a\n" });
    expect(messageOf(`${"x".repeat(4096)}\n`)).toMatchObject({ message: "x".repeat(4096) });
    expect(messageOf("x".repeat(4097))).toMatchObject({ message: `${"x".repeat(4096)}...` });
  });

  it("reduces a page to what it says", () => {
    const page = "<html><body><h1>Bad  Gateway</h1>\n<p>try later</p></body></html>";
    const read = readPrpcAnswer(answer(502, { "content-type": "text/html; charset=utf-8" }, page));
    expect(read).toMatchObject({ message: "Bad Gateway try later" });
  });

  it("is done with a hostile page at once", () => {
    const read = readPrpcAnswer(answer(502, { "content-type": "text/html" }, "<".repeat(5_000_000)));
    expect(read).toMatchObject({ grpcCode: 13 });
  });
});

describe("requirePrpcAnswer", () => {
  it("throws what is no success, with its code", () => {
    const refused = () => requirePrpcAnswer(answer(400, { "x-prpc-grpc-code": "3" }, "empty request\n"));
    expect(refused).toThrow(MintError);
    expect(refused).toThrow("rpc error: code 3: empty request");
  });
});
