import { generateKeyPairSync } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { connect as connectHttp2, constants } from "node:http2";
import { connect, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { createSelfSignedCertificate, toPem } from "@tokens/pki/x509";
import { afterEach, describe, expect, it } from "vitest";
import { type Handler, type Listener, listen, type TlsFiles } from "./listener.js";
import { portGuard } from "./port-guard.js";

const open: Listener[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((listener) => listener.stop(0)));
});

/** Answers what is complete when the test lets it. */
class Port {
  readonly counted: string[] = [];
  readonly answers: (() => void)[] = [];
  port = 0;

  static async open(
    maxConnections: number,
    limits = { maxBytes: 1_000, maxMs: 3_600_000 },
    tls?: TlsFiles,
    text = "answer",
  ) {
    const made = new Port();
    const count = (_: string, labels: Readonly<Record<string, string>> = {}) =>
      void made.counted.push(labels["reason"] ?? "");
    const handler: Handler = (request, response) => {
      request.resume();
      request.on("end", () => made.answers.push(() => void (response as ServerResponse).end(text)));
    };
    const guard = portGuard(maxConnections, { count }, limits);
    const listener = await listen(handler, { host: "127.0.0.1", port: 0 }, tls, guard);
    open.push(listener);
    made.port = listener.port;
    return made;
  }

  /** A client that has sent this; what came back, and whether its connection was closed. */
  client(text: string, isTls = false): Client {
    const options = { host: "127.0.0.1", port: this.port, rejectUnauthorized: false };
    return new Client(isTls ? connectTls(options) : connect(options), text);
  }

  async letGo(): Promise<void> {
    await expect.poll(() => this.answers.length).toBeGreaterThan(0);
    this.answers.shift()?.();
  }
}

class Client {
  text = "";
  isClosed = false;
  readonly socket: Socket;

  constructor(socket: Socket, text: string) {
    this.socket = socket;
    socket.on("data", (chunk) => (this.text += String(chunk)));
    socket.on("error", () => undefined).on("close", () => (this.isClosed = true));
    socket.write(text);
  }

  async isServed(): Promise<void> {
    await expect.poll(() => this.text).toMatch(/^HTTP\/1\.1 200/);
  }

  async isCutOff(): Promise<void> {
    await expect.poll(() => this.isClosed).toBe(true);
  }
}

const GET = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const slowPost = (bytes: number) => `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9999\r\n\r\n${".".repeat(bytes)}`;
const post = (bytes: number) => `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${bytes}\r\n\r\n${".".repeat(bytes)}`;

async function tlsFiles(): Promise<TlsFiles> {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const dates = { notBefore: new Date(Date.now() - 1000), notAfter: new Date(Date.now() + 3_600_000) };
  const certificate = await createSelfSignedCertificate({ privateKey, commonName: "localhost", ...dates });
  const key = Buffer.from(privateKey.export({ type: "pkcs8", format: "pem" }) as string);
  return { cert: Buffer.from(toPem("CERTIFICATE", certificate)), key };
}

describe.each([
  ["plain", undefined],
  ["TLS", tlsFiles],
])("attack 14: slow clients on a %s port", (_, makeTls) => {
  const start = async (...[max, limits]: Parameters<typeof Port.open>) => {
    const port = await Port.open(max, limits, await makeTls?.());
    return { port, client: (text: string) => port.client(text, makeTls !== undefined) };
  };

  it("too many connections: the one that has waited for the longest gives way, and never one with a request", async () => {
    const { port, client } = await start(3);
    const working = client(GET);
    await expect.poll(() => port.answers.length).toBe(1);
    const silent = [client("GET / HT"), client("GET / HT")];
    await expect.poll(() => silent.every(({ socket }) => !socket.connecting)).toBe(true);
    const late = client(GET);
    await expect.poll(() => port.answers.length).toBe(2);
    expect(silent.filter(({ isClosed }) => isClosed).length).toBeLessThanOrEqual(1);
    await expect.poll(() => silent.filter(({ isClosed }) => isClosed)).toHaveLength(1);
    const later = client(GET);
    await expect.poll(() => port.answers.length).toBe(3);
    await expect.poll(() => silent.every(({ isClosed }) => isClosed)).toBe(true);
    const tooLate = client(GET);
    await tooLate.isCutOff();
    for (const each of [working, late, later]) {
      await port.letGo();
      await each.isServed();
    }
    expect(port.counted).toEqual(["connections", "connections", "connections"]);
    // They wait again, and give way to others.
    const next = client(GET);
    await port.letGo();
    await next.isServed();
  });

  it("too much that is incomplete: the oldest goes, and a request that comes without delay stays", async () => {
    const { port, client } = await start(100);
    const slow = [client(slowPost(400)), client(slowPost(400))];
    await expect.poll(() => slow.every(({ socket }) => !socket.connecting)).toBe(true);
    const slower = client(slowPost(400));
    await expect.poll(() => slow.filter(({ isClosed }) => isClosed)).toHaveLength(1);
    const good = client(post(1_000));
    await port.letGo();
    await good.isServed();
    await Promise.all([...slow, slower].map((each) => each.isCutOff()));
    expect(new Set(port.counted)).toEqual(new Set(["incomplete_bytes"]));
  });

  it("too long: a body that does not come to its end is not waited for", async () => {
    const { port, client } = await start(100, { maxBytes: 1_000_000, maxMs: 1 });
    await client(slowPost(400)).isCutOff();
    expect(port.counted).toEqual(["too_slow"]);
  });
});

describe("attack 14: slow streams of HTTP/2", () => {
  it("are reset one by one, and their connection stays", async () => {
    const port = await Port.open(100, { maxBytes: 300_000, maxMs: 3_600_000 });
    const session = connectHttp2(`http://127.0.0.1:${port.port}`);
    const begin = () => {
      const stream = session.request({ ":method": "POST", ":path": "/" });
      const seen = { code: -1, text: "" };
      stream.on("error", () => undefined).on("close", () => (seen.code = stream.rstCode));
      stream.setEncoding("utf8").on("data", (chunk: string) => (seen.text += chunk));
      stream.write("x".repeat(200_000));
      return { stream, seen };
    };
    const [first, second] = [begin(), begin()];
    await expect.poll(() => first.seen.code).toBe(constants.NGHTTP2_ENHANCE_YOUR_CALM);
    second.stream.end();
    await expect
      .poll(() => {
        for (const answer of port.answers.splice(0)) answer();
        return second.seen.text;
      })
      .toBe("answer");
    session.destroy();
  });
});

describe("attack 14: clients that never read their answers", () => {
  const answered = async (port: Port) => {
    await port.letGo();
    // The answer is out, as far as the server can send it.
    await new Promise(setImmediate);
  };

  it("give way to a new connection, however little of an answer HTTP/2 lets through", async () => {
    const port = await Port.open(1);
    const session = connectHttp2(`http://127.0.0.1:${port.port}`, { settings: { initialWindowSize: 0 } });
    let isClosed = false;
    session.on("error", () => undefined).on("close", () => (isClosed = true));
    session.request({ ":path": "/" }).on("error", () => undefined);
    await answered(port);
    const next = port.client(GET);
    await port.letGo();
    await next.isServed();
    await expect.poll(() => isClosed).toBe(true);
  });

  it("give way to a new connection, however much of an answer waits for HTTP/1.1", async () => {
    const port = await Port.open(1, undefined, undefined, "x".repeat(32 * 1024 * 1024));
    const silent = port.client(GET);
    silent.socket.pause();
    await answered(port);
    const next = port.client(GET);
    await port.letGo();
    await next.isServed();
    silent.socket.destroy();
  });

  it("count with what they have sent and nobody has read, however complete it is", async () => {
    const counted: string[] = [];
    const requests: Parameters<Handler>[0][] = [];
    const handler: Handler = (request, response) => {
      requests.push(request);
      // As pages do that take a moment: all of the request is here before the answer goes out.
      setImmediate(() => void (response as ServerResponse).end("x".repeat(32 * 1024 * 1024)));
    };
    const count = (_: string, labels: Readonly<Record<string, string>> = {}) =>
      void counted.push(labels["reason"] ?? "");
    const guard = portGuard(100, { count }, { maxBytes: 1_000, maxMs: 3_600_000 });
    const listener = await listen(handler, { host: "127.0.0.1", port: 0 }, undefined, guard);
    open.push(listener);
    const silent: Socket[] = [];
    for (const nth of [1, 2]) {
      const { socket } = new Client(connect({ host: "127.0.0.1", port: listener.port }), post(900));
      silent.push(socket.pause());
      await expect.poll(() => (requests[nth - 1] as IncomingMessage | undefined)?.complete).toBe(true);
    }
    expect(counted).toEqual(["incomplete_bytes"]);
    for (const socket of silent) socket.destroy();
  });

  it("give way to a new connection, also when they were answered before all of their request was there", async () => {
    const requests: Parameters<Handler>[0][] = [];
    const handler: Handler = (request, response) => {
      requests.push(request.resume());
      (response as ServerResponse).end(requests.length === 1 ? "x".repeat(32 * 1024 * 1024) : "answer");
    };
    const guard = portGuard(1, { count: () => undefined });
    const listener = await listen(handler, { host: "127.0.0.1", port: 0 }, undefined, guard);
    open.push(listener);
    const clientOf = (text: string) => new Client(connect({ host: "127.0.0.1", port: listener.port }), text);
    const silent = clientOf("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n");
    silent.socket.pause();
    await expect.poll(() => requests.length).toBe(1);
    silent.socket.write(".");
    await expect.poll(() => (requests[0] as IncomingMessage).complete).toBe(true);
    await clientOf(GET).isServed();
    silent.socket.destroy();
  });
});
