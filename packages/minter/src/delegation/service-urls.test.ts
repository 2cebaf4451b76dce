import { Code } from "@connectrpc/connect";
import { afterEach, describe, expect, it } from "vitest";
import { type InfoServer, startInfoServer } from "../../test/info-server.js";
import { ServiceUrls } from "./service-urls.js";

const MINUTE = 60_000;

let server: InfoServer;
afterEach(() => server.close());

/** A service whose status can be changed, and names by a clock that is moved by hand. */
async function start(random = 0.5) {
  const state = { status: 200, nowMs: 1_800_000_000_000 };
  server = await startInfoServer((_, response) => void response.writeHead(state.status).end('{"app_id":"files"}'));
  const urls = new ServiceUrls({ ...server, clock: () => state.nowMs, random: () => random });
  return { state, urls };
}

describe("ServiceUrls", () => {
  it("keeps an answer, whatever the case it is asked in", async () => {
    const { urls } = await start();
    expect(await urls.resolve([server.url])).toEqual(["service:files"]);
    expect(await urls.resolve([server.url.replace("files", "FILES")])).toEqual(["service:files"]);
    expect(server.asked).toHaveLength(1);
  });

  it.each([
    [0, 60],
    [0.5, 55],
    [1, 50],
  ])("with luck %d asks anew after %d minutes", async (random, minutes) => {
    const { state, urls } = await start(random);
    await urls.resolve([server.url]);
    state.nowMs += minutes * MINUTE - 1;
    await urls.resolve([server.url]);
    expect(server.asked).toHaveLength(1);
    state.nowMs += 1;
    await urls.resolve([server.url]);
    expect(server.asked).toHaveLength(2);
  });

  it("cannot tell while the service is down, does not remember that, and says no more than the URL", async () => {
    const { state, urls } = await start();
    state.status = 500;
    const message = `could not resolve "${server.url}" to service ID`;
    const detail = expect.stringContaining("HTTP 500");
    await expect(urls.resolve([server.url])).rejects.toMatchObject({ name: "Unavailable", message, detail });
    state.status = 200;
    expect(await urls.resolve([server.url])).toEqual(["service:files"]);
  });

  it("asks once, however many wait for the answer", async () => {
    const { urls } = await start();
    const answers = await Promise.all([1, 2, 3].map(() => urls.resolve([server.url, server.url])));
    expect(new Set(answers.flat())).toEqual(new Set(["service:files"]));
    expect(server.asked).toHaveLength(1);
  });

  it("goes by what a service said until its hour is over, while the service is down", async () => {
    const { state, urls } = await start();
    await urls.resolve([server.url]);
    Object.assign(state, { status: 503, nowMs: state.nowMs + 60 * MINUTE - 1 });
    expect(await urls.resolve([server.url])).toEqual(["service:files"]);
    expect(server.asked).toHaveLength(2);
    state.nowMs += 1;
    await expect(urls.resolve([server.url])).rejects.toMatchObject({ name: "Unavailable" });
  });

  it("does not go by it once the service says that it is another", async () => {
    const { state, urls } = await start();
    await urls.resolve([server.url]);
    Object.assign(state, { status: 404, nowMs: state.nowMs + 55 * MINUTE });
    await expect(urls.resolve([server.url])).rejects.toMatchObject({ name: "Refusal" });
  });

  it("refuses what asking again will not help", async () => {
    const { state, urls } = await start();
    state.status = 404;
    const refusal = { name: "Refusal", code: Code.InvalidArgument };
    const message = `bad request - could not resolve "${server.url}" to service ID`;
    await expect(urls.resolve([server.url])).rejects.toMatchObject({ ...refusal, message });
  });

  it("answers with the first failure, though another service hangs", async () => {
    server = await startInfoServer(() => undefined);
    const urls = new ServiceUrls({ ...server, clock: Date.now });
    await expect(urls.resolve([server.url, "https://a/b"])).rejects.toThrow('"https://a/b"');
  });

  it("gives a service that hangs five seconds", async () => {
    server = await startInfoServer(() => undefined);
    const urls = new ServiceUrls({ ...server, clock: Date.now });
    await expect(urls.resolve([server.url])).rejects.toMatchObject({ name: "Unavailable" });
  });
});
