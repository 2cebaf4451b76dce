import { afterEach, describe, expect, it } from "vitest";
import { serve, type TestServer } from "../test/http-server.js";
import { fetchWithToken } from "./fetch-with-token.js";

const source = { token: () => Promise.resolve("the-token") };
const servers: TestServer[] = [];
afterEach(async () => void (await Promise.all(servers.splice(0).map((server) => server.close()))));

async function start(...args: Parameters<typeof serve>): Promise<TestServer> {
  const server = await serve(...args);
  servers.push(server);
  return server;
}

const headerOf = (server: TestServer, index = 0) => server.received[index]?.message.headers["x-luci-machine-token"];

describe("fetchWithToken", () => {
  it("sends the token with everything that the caller said", async () => {
    const server = await start((_, response) => response.end("hello"));
    const fetch = fetchWithToken(source);
    const response = await fetch(server.url, { method: "POST", body: "body", headers: { "x-mine": "1" } });
    expect(await response.text()).toBe("hello");
    expect(headerOf(server)).toBe("the-token");
    expect(server.received[0]?.message).toMatchObject({ method: "POST", headers: { "x-mine": "1" } });
    expect(server.received[0]?.body.toString()).toBe("body");
  });

  it("takes a Request, and replaces a token that the caller has set", async () => {
    const server = await start((_, response) => response.end());
    await fetchWithToken(source)(new Request(server.url, { headers: { "X-Luci-Machine-Token": "old" } }));
    expect(headerOf(server)).toBe("the-token");
  });

  it("never carries the token along a redirect", async () => {
    const other = await start((_, response) => response.end());
    const server = await start((_, response) => response.writeHead(307, { location: other.url }).end());
    const fetch = fetchWithToken(source);
    await expect(fetch(server.url)).rejects.toThrow();
    await expect(fetch(server.url, { redirect: "follow" })).rejects.toThrow();
    expect((await fetch(server.url, { redirect: "manual" })).status).toBe(307);
    expect(other.received).toEqual([]);
  });

  it("does not even ask for a token where it may not go", async () => {
    const asked = { token: () => Promise.reject(new Error("it was asked")) };
    await expect(fetchWithToken(asked)("http://backend.example.com")).rejects.toThrow(/no token is sent/);
  });

  it("does not call without a token", async () => {
    const server = await start((_, response) => response.end());
    const none = { token: () => Promise.reject(new Error("none")) };
    await expect(fetchWithToken(none)(server.url)).rejects.toThrow("none");
    expect(server.received).toEqual([]);
  });

  it("calls any other fetch", async () => {
    const fetch = fetchWithToken(source, (input) =>
      Promise.resolve(new Response((input as Request).headers.get("x-luci-machine-token"))),
    );
    expect(await (await fetch("https://backend.example.com")).text()).toBe("the-token");
  });
});
