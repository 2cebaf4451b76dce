import { generateKeyPairSync } from "node:crypto";
import { createServer, type IncomingMessage, type RequestListener, type Server } from "node:http";
import { createServer as createSecureServer } from "node:https";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";
import { createSelfSignedCertificate, toPem } from "@tokens/pki/x509";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { CrlForbidden, CrlRefused, CrlUnreachable } from "./crl-errors.js";
import { type CrlFetch, fetchCrl } from "./fetch-crl.js";
import { fetchCrlBytes } from "./fetch-crl-bytes.js";

const SECRET = "bytes of the body";
const list = Buffer.from("a list");
let server: Server;
let port: number;
let answer: RequestListener;
let requests: IncomingMessage[];

beforeAll(async () => {
  server = createServer((request, response) => {
    requests.push(request);
    answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  port = (server.address() as AddressInfo).port;
});
afterAll(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});
beforeEach(() => {
  requests = [];
  answer = (_, response) => void response.writeHead(200, { etag: '"1"' }).end(list);
});

/** Fetches from the server of this test, which has a private address that is allowed. */
async function fetchFrom(changes: Partial<CrlFetch> = {}) {
  const chunks: Uint8Array[] = [];
  const end = await fetchCrl({
    url: `http://127.0.0.1:${port}/list.crl`,
    etag: undefined,
    bearer: undefined,
    crlHosts: new Set([`127.0.0.1:${port}`, `crl.example.com:${port}`]),
    maxBytes: 1000,
    timeoutMs: 60_000,
    get: (get) => fetchCrlBytes(get, (chunk) => void chunks.push(chunk)),
    ...changes,
  });
  return { ...end, bytes: Buffer.concat(chunks).toString() };
}

const failure = async (changes: Partial<CrlFetch> = {}) =>
  fetchFrom(changes).then(
    () => Promise.reject(new Error("it was fetched")),
    (error: unknown) => error as Error,
  );

describe("fetchCrl", () => {
  it("gets the list, and what its server calls it", async () => {
    expect(await fetchFrom()).toEqual({ kind: "list", etag: '"1"', bytes: "a list" });
    const [{ headers, method, url } = {} as IncomingMessage] = requests;
    expect([method, url, headers.authorization, headers["if-none-match"]]).toEqual([
      "GET",
      "/list.crl",
      undefined,
      undefined,
    ]);
  });

  it("asks nothing over https of a server for which nobody vouches", async () => {
    const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    const dates = { notBefore: new Date(Date.now() - 1000), notAfter: new Date(Date.now() + 3_600_000) };
    const certificate = await createSelfSignedCertificate({ privateKey, commonName: "localhost", ...dates });
    const key = privateKey.export({ type: "pkcs8", format: "pem" });
    const secure = createSecureServer({ key, cert: toPem("CERTIFICATE", certificate) }, (request, response) => {
      requests.push(request);
      response.end(list);
    });
    await new Promise<void>((resolve) => secure.listen(0, "127.0.0.1", resolve));
    const host = `127.0.0.1:${(secure.address() as AddressInfo).port}`;
    const error = await failure({ url: `https://${host}/list.crl`, bearer: "secret", crlHosts: new Set([host]) });
    await new Promise((resolve) => secure.close(resolve));
    expect(error).toEqual(new CrlUnreachable("the fetch failed: DEPTH_ZERO_SELF_SIGNED_CERT"));
    expect(requests).toEqual([]);
  });

  it("sends what the server called the list, word for word, and takes 304 for the same", async () => {
    answer = (_, response) => void response.writeHead(304).end();
    expect(await fetchFrom({ etag: 'W/"1"' })).toEqual({ kind: "same", bytes: "" });
    expect(requests[0]?.headers["if-none-match"]).toBe('W/"1"');
  });

  it("takes the same name for the same list, whatever the body is", async () => {
    expect(await fetchFrom({ etag: '"1"' })).toEqual({ kind: "same", bytes: "" });
    expect(await fetchFrom({ etag: '"0"' })).toMatchObject({ kind: "list", bytes: "a list" });
    answer = (_, response) => void response.end(list);
    expect(await fetchFrom({ etag: "" })).toEqual({ kind: "list", etag: "", bytes: "a list" });
  });

  it("sends the bearer token that it is given", async () => {
    await fetchFrom({ bearer: "t.o.k" });
    expect(requests[0]?.headers.authorization).toBe("Bearer t.o.k");
  });

  it("unpacks gzip, once", async () => {
    answer = (_, response) => void response.writeHead(200, { "content-encoding": "gzip" }).end(gzipSync(list));
    expect((await fetchFrom()).bytes).toBe("a list");
    const twice = gzipSync(gzipSync(list));
    answer = (_, response) => void response.writeHead(200, { "content-encoding": "gzip" }).end(twice);
    expect((await fetchFrom()).bytes).not.toBe("a list");
  });
});

describe("a server of lists that cannot be believed to have answered", () => {
  const status = (code: number, headers = {}) => [
    `HTTP ${code}`,
    ((_, response) => void response.writeHead(code, headers).end(SECRET)) as RequestListener,
  ];
  it.each([
    status(304),
    status(400),
    status(403),
    status(404),
    status(429),
    status(500),
    status(503),
    status(204),
    status(206),
    status(301, { location: "http://169.254.169.254/" }),
    status(302, { location: "/other.crl" }),
    status(307, { location: "https://crl.example.com/" }),
    ["compresses", (_, response) => void response.writeHead(200, { "content-encoding": "br" }).end(SECRET)],
    ["compresses", (_, response) => void response.writeHead(200, { "content-encoding": "gzip, gzip" }).end(SECRET)],
    ["Z_DATA_ERROR", (_, response) => void response.writeHead(200, { "content-encoding": "gzip" }).end(SECRET)],
    ["ECONNRESET", (request) => void request.socket.destroy()],
    [
      "ECONNRESET",
      (_, response) => void response.writeHead(200, { "content-length": 99 }).write(SECRET, () => response.destroy()),
    ],
    ["HPE", (request) => void request.socket.end(`${SECRET}\r\n\r\n`)],
  ] as [string, RequestListener][])("is unreachable: %s", async (words, listener) => {
    answer = listener;
    const error = await failure();
    expect(error).toBeInstanceOf(CrlUnreachable);
    expect(error.message).toContain(words);
    expect(error.message).not.toContain(SECRET);
    expect(requests.length).toBe(1);
  });

  it.each([404, 302, 200])("is hung up on, however long its answer %i goes on", async (code) => {
    const gone = new Promise((resolve) => {
      answer = (request, response) => {
        request.socket.on("close", resolve);
        response.writeHead(code, { "content-encoding": "br" }).write(SECRET);
      };
    });
    expect(await failure({ timeoutMs: 3_600_000 })).toBeInstanceOf(CrlUnreachable);
    await gone;
  });

  it("is unreachable when nothing listens, or nobody knows the name", async () => {
    const closed = createServer();
    await new Promise<void>((resolve) => closed.listen(0, "127.0.0.1", resolve));
    const host = `127.0.0.1:${(closed.address() as AddressInfo).port}`;
    await new Promise((resolve) => closed.close(resolve));
    const refused = await failure({ url: `http://${host}/`, crlHosts: new Set([host]) });
    expect([refused.name, refused.message]).toEqual(["CrlUnreachable", "the fetch failed: ECONNREFUSED"]);
    const resolve = () => Promise.reject(Object.assign(new Error("getaddrinfo"), { code: "ENOTFOUND" }));
    const unknown = await failure({ url: "http://crl.example.com/", resolve });
    expect([unknown.name, unknown.message]).toEqual(["CrlUnreachable", "the fetch failed: ENOTFOUND"]);
  });

  it.each<[string, RequestListener | undefined]>([
    ["never answers", () => undefined],
    ["never ends its headers", (request) => void request.socket.write("HTTP/1.1 200 OK\r\n")],
    ["sends a byte now and then", (_, response) => drip(response)],
    ["has a name that is never found", undefined],
  ])("is unreachable when it %s: the time is for all of the fetch", async (_what, listener) => {
    if (listener) answer = listener;
    const changes = listener ? {} : { url: `http://crl.example.com:${port}/`, resolve: never };
    const error = await failure({ ...changes, timeoutMs: 300 });
    expect([error.name, error.message]).toEqual(["CrlUnreachable", "no whole answer within 0.3 s"]);
  });

  it("is unreachable when what makes the GET hangs, or fails in a way that nobody knows", async () => {
    const hanging = await failure({ get: never, timeoutMs: 300 });
    expect([hanging.name, hanging.message]).toEqual(["CrlUnreachable", "no whole answer within 0.3 s"]);
    const gone = await failure({ get: () => Promise.reject(new Error("the thread has gone")) });
    expect([gone.name, gone.message]).toEqual(["CrlUnreachable", "the thread has gone"]);
  });
});

const never = () => new Promise<never>(() => {});

/** Bytes that come for as long as anybody listens. */
function drip(response: Parameters<RequestListener>[1]): void {
  response.writeHead(200);
  const timer = setInterval(() => response.write("x"), 20);
  response.on("close", () => clearInterval(timer));
}

describe("a list that is too large", () => {
  it.each<[string, RequestListener]>([
    ["as it says", (_, response) => void response.end(Buffer.alloc(1001))],
    ["without saying so", (_, response) => void (response.write(Buffer.alloc(600)), response.end(Buffer.alloc(401)))],
    [
      "once it is unpacked",
      (_, response) =>
        void response.writeHead(200, { "content-encoding": "gzip" }).end(gzipSync(Buffer.alloc(20_000_000))),
    ],
  ])("is refused: %s", async (_what, listener) => {
    answer = listener;
    const error = await failure();
    expect(error).toBeInstanceOf(CrlRefused);
    expect(error.message).toBe("the list has more than 1000 bytes");
  });

  it("is fetched up to the last byte that fits", async () => {
    answer = (_, response) => void response.end("x".repeat(1000));
    expect((await fetchFrom()).bytes.length).toBe(1000);
  });

  it("is not unpacked much further than it may be", async () => {
    answer = (_, response) =>
      void response.writeHead(200, { "content-encoding": "gzip" }).end(gzipSync(Buffer.alloc(50_000_000)));
    let bytes = 0;
    const get: CrlFetch["get"] = (asked) => fetchCrlBytes(asked, (chunk) => void (bytes += chunk.length));
    await failure({ get, maxBytes: 1_000_000 });
    expect(bytes).toBeLessThanOrEqual(1_000_000);
  });
});

describe("an address that no list may come from", () => {
  const to = (address: string) => async () => [{ address, family: address.includes(":") ? 6 : 4 }];

  it.each([
    "http://127.0.0.1:1/",
    "http://2130706433:1/",
    "http://[::ffff:127.0.0.1]:1/",
    "http://169.254.169.254/",
    "file:///etc/passwd",
  ])("is not even asked: %s", async (url) => {
    expect(await failure({ url })).toBeInstanceOf(CrlForbidden);
  });

  it.each(["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "::ffff:10.0.0.1", "fd00::1"])(
    "is not connected to when a name stands for it: %s",
    async (address) => {
      const error = await failure({ url: `http://crl.example.org:${port}/`, resolve: to(address) });
      expect(error).toBeInstanceOf(CrlForbidden);
      expect(error.message).toContain("private address");
      expect(requests).toEqual([]);
    },
  );

  it("cannot come in by a second look at the name", async () => {
    let lookups = 0;
    const changing = () => to(lookups++ === 0 ? "127.0.0.1" : "192.0.2.1")();
    expect((await fetchFrom({ url: `http://crl.example.com:${port}/`, resolve: changing })).bytes).toBe("a list");
    expect([lookups, requests[0]?.headers.host]).toEqual([1, `crl.example.com:${port}`]);
  });
});
