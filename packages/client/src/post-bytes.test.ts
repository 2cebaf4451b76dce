import type { ServerResponse } from "node:http";
import { afterEach, describe, expect, it } from "vitest";
import { serve, type TestServer } from "../test/http-server.js";
import { MAX_RESPONSE_BYTES, postBytes } from "./post-bytes.js";

let server: TestServer;
afterEach(() => server.close());

async function postTo(answer: (response: ServerResponse) => void, signal = new AbortController().signal) {
  server = await serve((_, response) => answer(response));
  return postBytes({ url: `${server.url}/path`, headers: { "x-a": "b" }, body: Buffer.from("body"), signal });
}

describe("postBytes", () => {
  it("posts the bytes and returns the answer, whatever its status", async () => {
    const answer = await postTo((response) => void response.writeHead(418, { "x-c": "d" }).end("tea"));
    expect(answer).toMatchObject({ status: 418, headers: { "x-c": "d" }, body: Buffer.from("tea") });
    expect(server.received[0]?.message).toMatchObject({ url: "/path", headers: { "x-a": "b", "content-length": "4" } });
    expect(String(server.received[0]?.body)).toBe("body");
  });

  it("does not follow redirects", async () => {
    const answer = await postTo((response) => void response.writeHead(307, { location: "/elsewhere" }).end());
    expect(answer.status).toBe(307);
    expect(server.received).toHaveLength(1);
  });

  it.each([0, 1])("reads as much as LUCI's client (%i bytes more)", async (more) => {
    const answer = postTo((response) => void response.end(Buffer.alloc(MAX_RESPONSE_BYTES + more)));
    if (more === 0) expect((await answer).body).toHaveLength(MAX_RESPONSE_BYTES);
    else await expect(answer).rejects.toMatchObject({ code: "BAD_RESPONSE", grpcCode: 14 });
  });

  it.each<[string, (response: ServerResponse) => void]>([
    ["closes the connection", (response) => response.destroy()],
    [
      "stops in the middle",
      (response) => void response.writeHead(200, { "content-length": "9" }).write("half", () => response.destroy()),
    ],
  ])("asks for another try when the server %s", async (_, misbehave) => {
    await expect(postTo(misbehave)).rejects.toMatchObject({ code: "UNAVAILABLE", grpcCode: 13 });
  });

  it("ends with its signal", async () => {
    const controller = new AbortController();
    const answer = postTo(() => controller.abort(), controller.signal);
    await expect(answer).rejects.toMatchObject({ code: "UNAVAILABLE" });
  });
});
