import { describe, expect, it } from "vitest";
import { connectHeaders, readConnectAnswer } from "./connect-unary.js";

const answer = (status: number, type: string | undefined, body: string) => ({
  status,
  headers: type === undefined ? {} : { "content-type": type },
  body: Buffer.from(body),
});

describe("connectHeaders", () => {
  it.each([
    [undefined, undefined],
    [1500.2, "1501"],
    [0, "1"],
  ])("announce a timeout of %s ms as %s", (timeoutMs, expected) => {
    expect(connectHeaders(timeoutMs)["connect-timeout-ms"]).toBe(expected);
    expect(connectHeaders(timeoutMs)["content-type"]).toBe("application/proto");
  });
});

describe("readConnectAnswer", () => {
  it("takes a message, also when its type is not said", () => {
    expect(String(readConnectAnswer(answer(200, "application/proto", "message")))).toBe("message");
    expect(String(readConnectAnswer(answer(200, undefined, "message")))).toBe("message");
  });

  it("does not take anything else for a message", () => {
    expect(() => readConnectAnswer(answer(200, "text/html", "<p>"))).toThrow("content type text/html");
  });

  it.each([
    [400, '{"code":"invalid_argument","message":"words"}', 3, "REFUSED", "words"],
    [503, '{"code":"unavailable"}', 14, "UNAVAILABLE", "HTTP status 503"],
    [401, "<p>no</p>", 16, "REFUSED", "HTTP status 401"],
    [403, "null", 7, "REFUSED", "HTTP status 403"],
    [404, '"text"', 12, "REFUSED", "HTTP status 404"],
    [418, '{"code":5,"message":{}}', 2, "UNAVAILABLE", "HTTP status 418"],
  ])("reads the error of status %i with body %s", (status, body, grpcCode, code, words) => {
    const read = () => readConnectAnswer(answer(status, "application/json", body));
    expect(read).toThrow(expect.objectContaining({ grpcCode, code, message: `rpc error: code ${grpcCode}: ${words}` }));
  });
});
