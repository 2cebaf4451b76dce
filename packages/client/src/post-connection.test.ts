import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { startProxy, type TestProxy } from "../test/http-proxy.js";
import { serve, type TestServer } from "../test/http-server.js";
import { makeServerFiles } from "../test/key-files.js";
import { postBytes } from "./post-bytes.js";
import type { Connection } from "./post-connection.js";

let tls: Server;
let ca: string;
let strangersCa: string;
beforeAll(async () => {
  const made = await makeServerFiles();
  [ca, strangersCa] = [made.cert, (await makeServerFiles()).cert];
  tls = createServer(made, (request, response) => {
    request.resume().on("end", () => response.end(`secret ${request.url}`));
  });
  await new Promise<void>((resolve) => tls.listen(0, "127.0.0.1", resolve));
});
afterAll(() => {
  tls.close();
  tls.closeAllConnections();
});

let proxy: TestProxy;
let plain: TestServer | undefined;
afterEach(async () => {
  proxy?.close();
  await plain?.close();
  plain = undefined;
});

const httpsUrl = () => `https://localhost:${(tls.address() as AddressInfo).port}/path`;
const post = (url: string, connection: Connection) =>
  postBytes({
    url,
    headers: { "x-a": "b" },
    body: Buffer.from("body"),
    signal: AbortSignal.timeout(60_000),
    connection,
  });

describe("a server behind TLS", () => {
  it("is trusted when its CA is the one that was named", async () => {
    expect(String((await post(httpsUrl(), { ca })).body)).toBe("secret /path");
  });

  it.each<[string, () => Connection]>([
    ["no CA is named, and Node does not know this one", () => ({})],
    ["another CA is named", () => ({ ca: strangersCa })],
  ])("is not trusted when %s", async (_, connection) => {
    await expect(post(httpsUrl(), connection())).rejects.toMatchObject({ code: "UNAVAILABLE", grpcCode: 13 });
  });

  it("is reached through a tunnel, with the proxy's password, and still has to prove itself", async () => {
    proxy = await startProxy();
    const url = new URL(proxy.url.replace("//", "//me:p%40ss@"));
    expect(String((await post(httpsUrl(), { ca, proxy: url })).body)).toBe("secret /path");
    const credential = `Basic ${Buffer.from("me:p@ss").toString("base64")}`;
    expect(proxy.asked).toEqual([{ target: new URL(httpsUrl()).host, credential }]);
    await expect(post(httpsUrl(), { ca: strangersCa, proxy: url })).rejects.toMatchObject({ code: "UNAVAILABLE" });
  });

  it("cannot be reached when the proxy opens no tunnel, or is not there", async () => {
    proxy = await startProxy(407);
    const url = new URL(proxy.url);
    await expect(post(httpsUrl(), { ca, proxy: url })).rejects.toThrow(/opened no tunnel: HTTP status 407/);
    proxy.close();
    await expect(post(httpsUrl(), { ca, proxy: url })).rejects.toThrow(/proxy 127\.0\.0\.1:\d+ cannot be reached/);
  });
});

describe("a server without TLS", () => {
  it("is asked for by the proxy", async () => {
    proxy = await startProxy();
    plain = await serve((_, response) => response.end("plain"));
    const answer = await post(`${plain.url}/path?q`, { proxy: new URL(proxy.url) });
    expect(String(answer.body)).toBe("plain");
    expect(proxy.asked).toEqual([{ target: `${plain.url}/path?q`, credential: undefined }]);
    expect(plain.received[0]?.message.headers).toMatchObject({ "x-a": "b", host: new URL(plain.url).host });
    expect(String(plain.received[0]?.body)).toBe("body");
  });
});
