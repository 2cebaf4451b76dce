import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { Agent, type IncomingMessage, request as httpRequest, type ServerResponse } from "node:http";
import { connect as connectHttp2, type Http2Session } from "node:http2";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { type Handler, type Listener, listen, type TlsFiles } from "./listener.js";

const local = { host: "127.0.0.1", port: 0 };
const open: Listener[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((listener) => listener.stop(0)));
});

async function start(handler: Handler, tls?: TlsFiles): Promise<Listener> {
  const listener = await listen(handler, local, tls);
  open.push(listener);
  return listener;
}

const echo: Handler = (request, response) => {
  const out = response as ServerResponse;
  let body = "";
  request.on("data", (chunk) => (body += String(chunk)));
  request.on("end", () => out.end(`${request.httpVersion} ${request.url} ${body}`));
};

async function textOf(message: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of message) text += String(chunk);
  return text;
}

function post(port: number, body: string, agent?: Agent): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({ port, host: local.host, method: "POST", path: "/p", agent });
    request
      .on("response", (response) => resolve(textOf(response)))
      .on("error", reject)
      .end(body);
  });
}

function postHttp2(authority: string, body: string, options = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const session = connectHttp2(authority, options).on("error", reject);
    const stream = session.request({ ":method": "POST", ":path": "/p" });
    let text = "";
    stream.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
    stream.on("error", reject).on("end", () => {
      session.close();
      resolve(text);
    });
    stream.end(body);
  });
}

/** Writes pieces to a raw connection, with a pause after each; everything that came back until the end. */
async function raw(port: number, pieces: string[]): Promise<string> {
  const socket = connect(port, local.host).setEncoding("latin1");
  let text = "";
  socket.on("data", (chunk: string) => (text += chunk));
  const ended = new Promise((resolve) => socket.on("close", resolve).on("error", resolve));
  for (const piece of pieces) {
    socket.write(piece, "latin1");
    await new Promise((resolve) => setTimeout(resolve, 15));
  }
  await ended;
  return text;
}

describe("a plain port", () => {
  it("speaks HTTP/1.1 and HTTP/2 without TLS", async () => {
    const { port } = await start(echo);
    expect(await post(port, "one")).toBe("1.1 /p one");
    expect(await postHttp2(`http://127.0.0.1:${port}`, "two")).toBe("2.0 /p two");
  });

  it("keeps an HTTP/1.1 connection for several requests, large bodies too", async () => {
    const { port } = await start(echo);
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const large = "x".repeat(300_000);
    expect(await post(port, large, agent)).toBe(`1.1 /p ${large}`);
    expect(await post(port, "again", agent)).toBe("1.1 /p again");
    agent.destroy();
  });

  it("waits until the first bytes tell: P could be POST or the HTTP/2 preface", async () => {
    const { port } = await start(echo);
    const answer = await raw(port, [
      "P",
      "O",
      "ST /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
    ]);
    expect(answer).toMatch(/^HTTP\/1\.1 200 OK/);
    const settings = await raw(port, ["P", "R", "I * HTTP/2.0\r\n\r\nSM\r\n\r\n", "not a frame at all"]);
    expect(settings.charCodeAt(3)).toBe(4); // type of the server's first frame: SETTINGS
  });

  it("answers garbage with 400, and survives it", async () => {
    const { port } = await start(echo);
    expect(await raw(port, ["\u0016\u0003\u0001 hello"])).toMatch(/^HTTP\/1\.1 400/);
    expect(await raw(port, ["PRX / HTTP/1.1\r\n\r\n"])).toMatch(/^HTTP\/1\.1 400/);
    expect(await post(port, "still here")).toBe("1.1 /p still here");
  });

  it("refuses headers of more than 16 KiB", async () => {
    const { port } = await start(echo);
    const head = `GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX-Large: ${"x".repeat(17 * 1024)}\r\n\r\n`;
    expect(await raw(port, [head])).toMatch(/^HTTP\/1\.1 431/);
  });

  it("says which address is taken", async () => {
    const { port } = await start(echo);
    await expect(listen(echo, { host: "127.0.0.1", port })).rejects.toThrow(/EADDRINUSE/);
  });
});

describe("stopping", () => {
  it("lets what is in flight finish, on both HTTP versions, and refuses new connections", async () => {
    const waiting: (() => void)[] = [];
    const slow: Handler = (_, response) => void waiting.push(() => (response as ServerResponse).end("done"));
    const { port, stop } = await start(slow);
    const answers = [post(port, ""), postHttp2(`http://127.0.0.1:${port}`, "")];
    while (waiting.length < 2) await new Promise((resolve) => setTimeout(resolve, 5));
    const stopped = stop(10_000);
    await expect(post(port, "")).rejects.toThrow(/ECONNREFUSED/);
    for (const finish of waiting) finish();
    expect(await Promise.all(answers)).toEqual(["done", "done"]);
    await stopped;
  });

  it("closes idle connections at once", async () => {
    const { port, stop } = await start(echo);
    const agent = new Agent({ keepAlive: true });
    await post(port, "", agent);
    const silent = connect(port, "127.0.0.1").on("error", () => undefined);
    await new Promise((resolve) => silent.on("connect", resolve));
    const begin = performance.now();
    await stop(10_000);
    expect(performance.now() - begin).toBeLessThan(2000);
    agent.destroy();
  });

  it("cuts off what takes longer than the grace", async () => {
    const { port, stop } = await start(() => undefined);
    const answer = post(port, "").catch((error: Error) => error);
    await new Promise((resolve) => setTimeout(resolve, 50));
    await stop(100);
    expect(await answer).toBeInstanceOf(Error);
  });
});

const hasOpenssl = (() => {
  try {
    execFileSync("openssl", ["version"]);
    return true;
  } catch {
    return false;
  }
})();

describe.skipIf(!hasOpenssl)("a TLS port (needs openssl)", () => {
  function makeTls(): TlsFiles {
    const folder = mkdtempSync(join(tmpdir(), "tls-"));
    const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
    const options = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=localhost"];
    execFileSync("openssl", ["req", "-x509", ...options, "-keyout", key, "-out", cert], { stdio: "pipe" });
    const files = { key: readFileSync(key), cert: readFileSync(cert) };
    rmSync(folder, { recursive: true });
    return files;
  }

  it("is as patient with slow and idle clients of HTTP/1.1 as a plain port", async () => {
    const tls = makeTls();
    const servers: unknown[] = [];
    const { port } = await start((request, response) => {
      servers.push(Reflect.get(request.socket, "server"));
      (response as ServerResponse).end();
    }, tls);
    const agent = new HttpsAgent({ keepAlive: true, ca: tls.cert });
    const keepAlive = await new Promise((resolve, reject) => {
      const request = httpsRequest({ host: "127.0.0.1", port, servername: "localhost", agent });
      request.on("response", (response) => resolve(response.resume().headers["keep-alive"])).on("error", reject);
      request.end();
    });
    agent.destroy();
    expect(keepAlive).toBe("timeout=5");
    // What Node holds slow clients to.
    const limits = { headersTimeout: 15_000, requestTimeout: 30_000, connectionsCheckingInterval: 100 };
    expect(servers).toMatchObject([limits]);
  });

  it("closes an HTTP/2 connection without a byte, as a plain port does", async () => {
    const tls = makeTls();
    const sessions: (Http2Session | undefined)[] = [];
    const handler: Handler = (request, response) => {
      if ("stream" in request) sessions.push(request.stream.session);
      (response as ServerResponse).end();
    };
    const [plain, secure] = [await start(handler), await start(handler, tls)];
    const authorities = [`http://127.0.0.1:${plain.port}`, `https://127.0.0.1:${secure.port}`];
    for (const authority of authorities) {
      const client = connectHttp2(authority, { ca: tls.cert, servername: "localhost" }).on("error", () => undefined);
      const closed = new Promise((resolve) => client.on("close", resolve));
      client.request({ ":path": "/" }).resume();
      await expect.poll(() => sessions.length).toBe(1);
      const session = sessions.pop();
      expect(session && Reflect.get(session, "timeout")).toBe(120_000);
      session?.emit("timeout");
      await closed;
    }
  });

  it("speaks HTTP/1.1 and HTTP/2 by ALPN, and stops", async () => {
    const tls = makeTls();
    const { port, stop } = await start(echo, tls);
    const options = { ca: tls.cert, servername: "localhost" };
    const answer = await new Promise<string>((resolve, reject) => {
      const request = httpsRequest({ host: "127.0.0.1", port, path: "/p", method: "POST", ...options });
      request
        .on("response", (response) => resolve(textOf(response)))
        .on("error", reject)
        .end("one");
    });
    expect(answer).toBe("1.1 /p one");
    expect(await postHttp2(`https://127.0.0.1:${port}`, "two", options)).toBe("2.0 /p two");
    const begin = performance.now();
    await stop(10_000);
    expect(performance.now() - begin).toBeLessThan(2000);
  });
});
