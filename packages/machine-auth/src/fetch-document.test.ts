import type { RequestListener } from "node:http";
import { afterEach, describe, expect, it } from "vitest";
import { type LocalServer, startLocalServer } from "../test/local-server.js";
import { fetchDocument, type FetchOptions } from "./fetch-document.js";

const servers: LocalServer[] = [];
afterEach(() => Promise.all(servers.splice(0).map((server) => server.close())));

async function fetch(listener: RequestListener, changes: Partial<FetchOptions> = {}) {
  const server = await startLocalServer(listener);
  servers.push(server);
  return fetchDocument(new URL(server.url), { accept: "text/plain", maxBytes: 1000, timeoutMs: 10_000, ...changes });
}

describe("fetchDocument", () => {
  it("gets a document and its ETag", async () => {
    const seen: unknown[] = [];
    const answer = await fetch((request, response) => {
      seen.push(request.method, request.headers.accept, request.headers["if-none-match"]);
      response.writeHead(200, { etag: '"7"' }).end("hello");
    });
    expect(answer).toEqual({ status: 200, body: Buffer.from("hello"), etag: '"7"' });
    expect(seen).toEqual(["GET", "text/plain", undefined]);
  });

  it("asks whether what it has is still good", async () => {
    const answer = await fetch(
      (request, response) => response.writeHead(request.headers["if-none-match"] === '"7"' ? 304 : 200).end(),
      { etag: '"7"' },
    );
    expect(answer).toEqual({ status: 304 });
  });

  it("tells a document that is not there from an answer that is none", async () => {
    expect(await fetch((_request, response) => response.writeHead(404).end("not found"))).toEqual({ status: 404 });
  });

  it("does not follow a redirect", async () => {
    let followed = false;
    const answer = fetch((request, response) => {
      followed ||= request.url === "/elsewhere";
      response.writeHead(302, { location: "/elsewhere" }).end();
    });
    await expect(answer).rejects.toThrow("status 302");
    expect(followed).toBe(false);
  });

  it.each([204, 206, 304, 401, 410, 500, 503])("takes no other status: %d", async (status) => {
    await expect(fetch((_request, response) => response.writeHead(status).end())).rejects.toThrow(`status ${status}`);
  });

  it("stops reading what is too large, and takes what is just not", async () => {
    await expect(fetch((_request, response) => response.end("x".repeat(1001)))).rejects.toThrow("more than 1000 bytes");
    expect(await fetch((_request, response) => response.end("x".repeat(1000)))).toMatchObject({ status: 200 });
  });

  it("takes nothing compressed, however small", async () => {
    const answer = fetch((_request, response) => response.writeHead(200, { "content-encoding": "gzip" }).end("x"));
    await expect(answer).rejects.toThrow("compressed");
  });

  it("gives up on a server that never ends its answer", async () => {
    const drip: RequestListener = (_request, response) => {
      const timer = setInterval(() => response.write("x"), 20);
      response.on("close", () => clearInterval(timer));
    };
    await expect(fetch(drip, { timeoutMs: 300 })).rejects.toThrow();
  });

  it("gives up on a server that says nothing", async () => {
    await expect(fetch(() => undefined, { timeoutMs: 300 })).rejects.toThrow();
  });

  it("refuses a document that ends early", async () => {
    const cut: RequestListener = (_request, response) => {
      response.writeHead(200, { "content-length": "100" }).write("x", () => response.destroy());
    };
    await expect(fetch(cut)).rejects.toThrow();
  });
});
