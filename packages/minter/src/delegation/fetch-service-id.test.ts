import type { RequestListener } from "node:http";
import { afterEach, describe, expect, it } from "vitest";
import { type InfoServer, startInfoServer } from "../../test/info-server.js";
import { fetchServiceId, ServiceUnreachable } from "./fetch-service-id.js";

let server: InfoServer | undefined;
afterEach(() => server?.close());

const patient = new AbortController().signal;

async function ask(answer: RequestListener, change: object = {}, signal: AbortSignal = patient): Promise<string> {
  server = await startInfoServer(answer);
  return fetchServiceId(server.url, { ...server, ...change }, signal);
}

const says =
  (body: string, status = 200): RequestListener =>
  (_, response) =>
    void response.writeHead(status).end(body);

const breaksOff: RequestListener = (_, response) => {
  response.writeHead(200, { "content-length": "100" }).write("secret");
  setImmediate(() => response.destroy());
};

async function failureOf(asked: Promise<string>): Promise<Error> {
  return asked.then(
    (id) => expect.unreachable(id),
    (error: unknown) => (error instanceof Error ? error : expect.unreachable("no error")),
  );
}

describe("fetchServiceId", () => {
  it("asks once, at the one path, for the app_id", async () => {
    expect(await ask(says('{"app_id":"files","app_version":"1"}'))).toBe("service:files");
    expect(server?.asked).toEqual(["GET /auth/api/v1/server/info"]);
  });

  it.each([
    ["a server error", says("secret", 503), /HTTP 503/],
    ["too many requests", says("secret", 429), /HTTP 429/],
    ["an answer that breaks off", breaksOff, /broke off|reached/],
  ])("may try again after %s", async (_, answer, message) => {
    const failure = await failureOf(ask(answer));
    expect(failure).toBeInstanceOf(ServiceUnreachable);
    expect(failure.message).toMatch(message);
    expect(failure.message).not.toContain("secret");
  });

  it.each([
    ["another status", says("secret", 404), /HTTP 404/],
    ["no JSON", says("secret"), /not JSON/],
    ["JSON that is no object", says('"secret"'), /no app_id/],
    ["no app_id", says('{"app":"secret"}'), /no app_id/],
    ["an app_id that is no text", says('{"app_id":7}'), /no app_id/],
    ["an empty app_id", says('{"app_id":""}'), /not the name/],
    ["an app_id that is no name", says('{"app_id":"secret secret"}'), /not the name/],
    ["too much", says(JSON.stringify({ app_id: "files", secret: "x".repeat(70_000) })), /more than 65536 bytes/],
  ])("has no second try after %s", async (_, answer, message) => {
    const failure = await failureOf(ask(answer));
    expect(failure).not.toBeInstanceOf(ServiceUnreachable);
    expect(failure.message).toMatch(message);
    expect(failure.message).not.toContain("secret");
  });

  it("follows no redirect", async () => {
    const failure = await failureOf(
      ask((_, response) => void response.writeHead(302, { location: "http://169.254.169.254/" }).end()),
    );
    expect(failure.message).toMatch(/HTTP 302/);
    expect(server?.asked).toHaveLength(1);
  });

  it("does not connect to a private address that is not listed", async () => {
    const failure = await failureOf(ask(says('{"app_id":"files"}'), { hosts: new Set() }));
    expect(failure).not.toBeInstanceOf(ServiceUnreachable);
    expect(failure.message).toMatch(/not public/);
    expect(server?.asked).toEqual([]);
  });

  it("believes no certificate of a CA that it does not know", async () => {
    const failure = await failureOf(ask(says('{"app_id":"files"}'), { ca: undefined }));
    expect(failure).toBeInstanceOf(ServiceUnreachable);
    expect(server?.asked).toEqual([]);
  });

  it.each([
    ["a server that hangs", {}],
    ["a name that is not found in time", { resolve: () => new Promise(() => undefined) }],
  ])("ends by its signal for %s", async (_, change) => {
    const failure = await failureOf(ask(() => undefined, change, AbortSignal.timeout(100)));
    expect(failure).toBeInstanceOf(ServiceUnreachable);
  });

  it.each([
    "https://",
    "https://a/",
    "https://a/b",
    "https://a?b",
    "https://a#b",
    "https://u@a",
    "https://a\\b",
    "https://a b",
    "https://a:99999",
    "http://a",
  ])("takes %s for no host", async (url) => {
    const resolve = () => expect.unreachable("it was looked up");
    await expect(fetchServiceId(url, { hosts: new Set(), resolve }, patient)).rejects.toThrow("a host alone");
  });
});
