import { connect as connectHttp2, type IncomingHttpHeaders } from "node:http2";
import { BlockList, connect } from "node:net";
import { decodeSignedTrustBundle, decodeTrustBundle } from "@tokens/machine-auth/trust-bundle";
import { type ListenerName, startTokenServer, type Storage, type TokenServer } from "@tokens/minter";
import { policyOfFiles } from "@tokens/minter/policy";
import { openSqliteStorage } from "@tokens/minter/sqlite";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { tokenServerHandler } from "./http-handler.js";
import { listen, type Listener } from "./listener.js";
import { prometheusMetrics } from "./prometheus.js";

const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };
const serviceAccount = "minter@example.com";
let isReady = true;
let listener: Listener;
let adminListener: Listener;
let server: TokenServer;
let storage: Storage;

beforeAll(async () => {
  storage = await openSqliteStorage(":memory:");
  server = await startTokenServer({
    appId: "app",
    serviceAccount,
    serviceVersion: "v",
    policySource: policyOfFiles({}),
    storage,
    log: silent,
  });
  const handlerOf = (name: ListenerName) =>
    tokenServerHandler({
      server,
      metrics: prometheusMetrics(),
      isReady: () => isReady,
      listener: name,
      trustedProxies: new BlockList(),
    });
  listener = await listen(handlerOf("public"), { host: "127.0.0.1", port: 0 });
  adminListener = await listen(handlerOf("admin"), { host: "127.0.0.1", port: 0 });
});

afterAll(async () => {
  await listener.stop(0);
  await adminListener.stop(0);
  await server.close();
  await storage.close();
});

/** Sends the lines of a request as they are, and returns the whole answer. */
function send(...lines: string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(listener.port, "127.0.0.1").setEncoding("utf8");
    let answer = "";
    socket.on("data", (chunk) => (answer += String(chunk)));
    socket.on("close", () => resolve(answer)).on("error", reject);
    socket.write(`${[...lines, "Connection: close", "Content-Length: 0"].join("\r\n")}\r\n\r\n`);
  });
}

const rpc = "/tokenserver.minter.TokenMinter/MintMachineToken";
const call = (...headers: string[]) => send(`POST ${rpc} HTTP/1.1`, "Content-Type: application/proto", ...headers);

describe("tokenServerHandler", () => {
  it("answers calls", async () => {
    expect(await call("Host: a")).toContain('{"code":"invalid_argument"');
  });

  it.each(["Host: a b", "Host: ", "Host: [::", "Host: a:99999"])("outlives a call with the header %j", async (host) => {
    expect(await call(host)).toMatch(/^HTTP\/1\.1 400 /);
    expect(await call("Host: a")).toMatch(/invalid_argument/);
  });

  it("outlives a call that names no host", async () => {
    const answer = await send(`POST ${rpc} HTTP/1.0`, "Content-Type: application/proto");
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    expect(await call("Host: a")).toMatch(/invalid_argument/);
  });

  const prpc = "/prpc/tokenserver.minter.TokenMinter/MintMachineToken";

  it("answers LUCI's protocol over HTTP/1.1", async () => {
    const answer = await send(`POST ${prpc} HTTP/1.1`, "Host: a");
    expect(answer).toMatch(/^HTTP\/1\.1 400 [\s\S]*x-prpc-grpc-code: 3\r\n[\s\S]*\r\n\r\nempty request\n$/);
    expect(await send(`POST ${prpc} HTTP/1.1`, "Host: a b")).toMatch(/^HTTP\/1\.1 400 /);
    expect(await send("GET /prpc HTTP/1.1", "Host: a")).toMatch(/^HTTP\/1\.1 404 /);
  });

  it.each([
    ["as much as one may send", 64 * 1024, "3"],
    ["a byte more", 64 * 1024 + 1, "14"],
  ])("answers LUCI's protocol over HTTP/2, %s", async (_, size, code) => {
    const session = connectHttp2(`http://127.0.0.1:${listener.port}`);
    const stream = session.request({ ":method": "POST", ":path": prpc, "content-type": "application/prpc" });
    stream.end(Buffer.alloc(size, 0xff));
    const headers = await new Promise<IncomingHttpHeaders>((resolve, reject) =>
      stream.on("response", resolve).on("error", reject),
    );
    session.destroy();
    expect(headers["x-prpc-grpc-code"]).toBe(code);
  });

  it("outlives a client that goes away in the middle of a call", async () => {
    const socket = connect(listener.port, "127.0.0.1");
    await new Promise<void>((resolve) =>
      socket.write(`POST ${prpc} HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf`, () => resolve()),
    );
    socket.destroy();
    expect(await send(`POST ${prpc} HTTP/1.1`, "Host: a")).toContain("empty request");
  });

  it("serves pages to clients that name no host", async () => {
    expect(await send("GET /healthz HTTP/1.0")).toMatch(/^HTTP\/1\.1 200 OK\r\n[\s\S]*\r\n\r\nOK\n$/);
  });

  it("says whether it is ready", async () => {
    expect(await send("GET /readyz?x HTTP/1.1", "Host: a")).toMatch(/^HTTP\/1\.1 200 /);
    isReady = false;
    expect(await send("GET /readyz HTTP/1.1", "Host: a")).toMatch(/^HTTP\/1\.1 503 /);
    isReady = true;
  });

  it("lets pages be read and nothing else", async () => {
    const head = await send("HEAD /healthz HTTP/1.1", "Host: a");
    expect(head).toMatch(/^HTTP\/1\.1 200 OK\r\n[\s\S]*content-length: 3[\s\S]*\r\n\r\n$/);
    expect(await send("POST /healthz HTTP/1.1", "Host: a")).toMatch(/^HTTP\/1\.1 405 [\s\S]*allow: GET, HEAD/);
  });

  it("serves the trust bundle, whole, as an update, or as nothing new", async () => {
    const get = (query: string, headers: Record<string, string> = {}) =>
      fetch(`http://127.0.0.1:${listener.port}/trust/v1/bundle${query}`, { headers });
    const whole = await get("");
    expect([whole.status, whole.headers.get("content-type")]).toEqual([200, "application/x-protobuf"]);
    const signed = decodeSignedTrustBundle(new Uint8Array(await whole.arrayBuffer()));
    const { number, serviceAccount: account } = decodeTrustBundle(signed.bundle);
    expect([signed.baseNumber, account]).toEqual([0, serviceAccount]);
    const update = await get(`?since=${number}`);
    expect(decodeSignedTrustBundle(new Uint8Array(await update.arrayBuffer())).removed).toEqual([]);
    const same = await get(`?since=${number}`, { "if-none-match": whole.headers.get("etag") ?? "" });
    expect([same.status, await same.text()]).toEqual([304, ""]);
    expect(await send("GET /trust/v1/bundle? HTTP/1.1", "Host: a")).toMatch(/^HTTP\/1\.1 200 OK/);
    expect(await send("POST /trust/v1/bundle HTTP/1.1", "Host: a")).toMatch(/^HTTP\/1\.1 405 /);
  });

  it("knows no other path", async () => {
    expect(await send("GET /healthz/ HTTP/1.1", "Host: a")).toMatch(/^HTTP\/1\.1 404 /);
    expect(await send("GET * HTTP/1.1", "Host: a")).toMatch(/^HTTP\/1\.1 404 /);
  });
});

it("shows its metrics on the admin listener alone", async () => {
  const get = (port: number) => fetch(`http://127.0.0.1:${port}/metrics`);
  const page = await get(adminListener.port);
  expect(page.headers.get("content-type")).toContain("text/plain");
  expect(await page.text()).toContain("tokens_minted_total");
  expect((await get(listener.port)).status).toBe(404);
});
