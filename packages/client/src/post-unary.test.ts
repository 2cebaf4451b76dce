import { afterEach, expect, it } from "vitest";
import { serve, type TestServer } from "../test/http-server.js";
import { postUnary, type UnaryProtocol } from "./post-unary.js";

let server: TestServer;
afterEach(() => server.close());

it.each<[UnaryProtocol, string, string]>([
  ["prpc", "", "/prpc/a.B/C"],
  ["prpc", "/", "/prpc/a.B/C"],
  ["prpc", "/base//", "/base/prpc/a.B/C"],
  ["connect", "", "/a.B/C"],
  ["connect", "/base/", "/base/a.B/C"],
])("posts in %s below the URL with %j to %s", async (protocol, suffix, path) => {
  server = await serve((_, response) => void response.writeHead(200, { "x-prpc-grpc-code": "0" }).end("answer"));
  const [url, signal] = [server.url + suffix, new AbortController().signal];
  const answer = await postUnary({ protocol, url, method: "a.B/C", body: Buffer.from("body"), signal });
  expect(answer).toEqual(Buffer.from("answer"));
  expect(server.received).toMatchObject([{ message: { method: "POST", url: path }, body: Buffer.from("body") }]);
});
