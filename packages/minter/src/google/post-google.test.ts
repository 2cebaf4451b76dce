import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { GoogleError, postGoogle } from "./post-google.js";

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

/** Asks a server that answers as given. */
async function ask(answer: (response: ServerResponse) => void, timeoutMs = 60_000) {
  const server = createServer((_, response) => answer(response));
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  return postGoogle({ method: "POST", url, body: { a: 1 }, timeoutMs });
}

describe("postGoogle", () => {
  it("gives back the object of the answer", async () => {
    expect(await ask((response) => response.end('{"b":[2]}'))).toEqual({ b: [2] });
  });

  it("says what Google says", async () => {
    const error = { error: { code: 403, status: "PERMISSION_DENIED", message: "not you" } };
    const asking = ask((response) => response.writeHead(403).end(JSON.stringify(error)));
    await expect(asking).rejects.toThrow("status 403: PERMISSION_DENIED: not you");
    await expect(asking).rejects.toMatchObject({ status: 403, name: "GoogleError" });
  });

  it.each([
    ["a page in place of JSON", (response: ServerResponse) => response.end("<html>"), /no JSON object/],
    ["a status without a body", (response: ServerResponse) => response.writeHead(502).end(), /^status 502$/],
    ["a redirect", (response: ServerResponse) => response.writeHead(302, { location: "/x" }).end("{}"), /no answer/],
    ["a broken connection", (response: ServerResponse) => response.destroy(), /no answer \(/],
    ["too much", (response: ServerResponse) => response.end(`"${"x".repeat(300_000)}"`), /too large/],
  ])("refuses %s", async (_, answer, reason) => {
    const asking = ask((response) => void answer(response));
    await expect(asking).rejects.toThrow(GoogleError);
    await expect(asking).rejects.toThrow(reason);
  });

  it("does not wait for ever", async () => {
    await expect(ask(() => undefined, 50)).rejects.toThrow("no answer within 50 ms");
    await expect(ask((response) => response.write("{"), 50)).rejects.toThrow("no answer within 50 ms");
  });

  it("says when nobody is there", async () => {
    const asking = postGoogle({ method: "GET", url: "http://127.0.0.1:1/", timeoutMs: 60_000 });
    await expect(asking).rejects.toThrow(GoogleError);
    await expect(asking).rejects.toMatchObject({ status: undefined });
  });
});
