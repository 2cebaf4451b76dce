import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { Agent, request as httpRequest } from "node:http";
import { connect as connectHttp2 } from "node:http2";
import { request as httpsRequest } from "node:https";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createCertificateAuthority, toPem } from "@tokens/pki/x509";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type RunningServer, runTokens, startServer } from "./programs.js";

let folder: string;
let args: string[];
const servers: RunningServer[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "serve-"));
  mkdirSync(join(folder, "config"));
  writeFileSync(join(folder, "config/tokenserver.cfg"), "");
  args = ["--config", join(folder, "config"), "--data", join(folder, "data")];
});

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.stop()));
  rmSync(folder, { recursive: true });
});

async function start(...more: string[]): Promise<RunningServer> {
  const server = await startServer([...args, ...more]);
  servers.push(server);
  return server;
}

/** Status of a GET with these headers, over TCP or a Unix socket. */
function statusOf(url: string, headers: Record<string, string> = {}): Promise<number> {
  const [, socketPath] = /^unix:(.*)$/.exec(url) ?? [];
  const target = socketPath === undefined ? { ...hostOf(url) } : { socketPath };
  return new Promise((resolve, reject) => {
    const request = httpRequest({ ...target, path: "/healthz", headers, agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    request.on("error", reject).end();
  });
}

function hostOf(url: string) {
  const { hostname, port } = new URL(url);
  return { host: hostname, port };
}

describe("the administrators' port", () => {
  it("is a socket for its owner alone, by default", async () => {
    const { admin } = await start();
    expect(admin).toBe(`unix:${join(folder, "data/admin.sock")}`);
    expect(statSync(join(folder, "data/admin.sock")).mode & 0o777).toBe(0o600);
    expect(await statusOf(admin)).toBe(200);
  });

  it("refuses pages in a browser when it is on TCP", async () => {
    const { admin } = await start("--admin-listen", "127.0.0.1:0");
    expect(await statusOf(admin)).toBe(200);
    expect(await statusOf(admin, { origin: "http://127.0.0.1" })).toBe(403);
    expect(await statusOf(admin, { host: "rebound.example.com" })).toBe(403);
    expect(await statusOf(admin, { host: "localhost:1" })).toBe(200);
  });

  it("does not open on an address that others can reach", async () => {
    const { code, stderr } = await runTokens([
      "serve",
      ...args,
      "--listen",
      "127.0.0.1:0",
      "--admin-listen",
      "0.0.0.0:0",
    ]);
    expect(code).toBe(2);
    expect(stderr).toContain("admin-listen");
  });

  it("takes over the socket of a server that was killed, but not that of one that runs", async () => {
    const first = await start();
    const { code, stderr } = await runTokens(["serve", ...args, "--listen", "127.0.0.1:0"]);
    expect(code).toBe(2);
    expect(stderr).toMatch(/another server|in use/);
    await first.stop("SIGKILL");
    expect(await statusOf((await start()).admin)).toBe(200);
  });
});

describe("TLS", () => {
  it("speaks HTTP/1.1 and HTTP/2 by ALPN", async () => {
    const { certificate, privateKey } = await createCertificateAuthority({ commonName: "localhost" });
    const [cert, key] = [join(folder, "tls.pem"), join(folder, "tls.key")];
    writeFileSync(cert, toPem("CERTIFICATE", certificate));
    writeFileSync(key, privateKey.export({ type: "pkcs8", format: "pem" }));
    const { url } = await start("--tls-cert", cert, "--tls-key", key);
    expect(url).toMatch(/^https:/);
    const status = await new Promise((resolve, reject) => {
      httpsRequest(`${url}/healthz`, { rejectUnauthorized: false, agent: false }, (response) => {
        response.resume();
        resolve([response.statusCode, response.httpVersion]);
      })
        .on("error", reject)
        .end();
    });
    expect(status).toEqual([200, "1.1"]);
    const session = connectHttp2(url, { rejectUnauthorized: false });
    const [headers] = (await once(session.request({ ":path": "/healthz" }), "response")) as [Record<string, unknown>];
    expect(headers[":status"]).toBe(200);
    session.destroy();
  });

  it("says when its files are no certificate", async () => {
    writeFileSync(join(folder, "tls.pem"), "hello");
    const tls = ["--tls-cert", join(folder, "tls.pem"), "--tls-key", join(folder, "tls.pem")];
    const { code, stderr } = await runTokens(["serve", ...args, "--listen", "127.0.0.1:0", ...tls]);
    expect(code).toBe(2);
    expect(stderr).toContain("TLS");
    expect(stderr).not.toContain("    at ");
  });
});

/** How long the server waited for its connections, by its own log: a slow machine's start and end do not count. */
function stoppingMs(server: RunningServer): number {
  const lines = server.log().trim().split("\n");
  const entries = lines.map((line) => JSON.parse(line) as { time: string; msg: string });
  const timeOf = (message: string) => Date.parse(entries.find(({ msg }) => msg === message)?.time ?? "");
  return timeOf("stopped") - timeOf("stopping");
}

describe("stopping", () => {
  it("ends with 0, and at once when nothing is in flight", async () => {
    const server = await start();
    await statusOf(server.url);
    expect((await server.stop()).code).toBe(0);
    expect(stoppingMs(server)).toBeLessThan(5_000);
    servers.length = 0;
  });

  it("does not wait for a client that keeps an idle connection open", async () => {
    const server = await start();
    const agent = new Agent({ keepAlive: true });
    const { host, port } = hostOf(server.url);
    await new Promise((resolve) =>
      httpRequest({ host, port, path: "/healthz", agent }, (response) => response.resume().on("end", resolve)).end(),
    );
    const silent = connect(Number(port), host);
    await once(silent, "connect");
    expect((await server.stop()).code).toBe(0);
    expect(stoppingMs(server)).toBeLessThan(5_000);
    agent.destroy();
    silent.destroy();
    servers.length = 0;
  });

  it("lets a call in flight finish, and takes no new ones", async () => {
    const server = await start();
    const { host, port } = hostOf(server.url);
    const path = "/tokenserver.minter.TokenMinter/MintMachineToken";
    const headers = { "content-type": "application/json", "content-length": 2, expect: "100-continue" };
    const request = httpRequest({ host, port, path, method: "POST", headers, agent: false });
    const answered = new Promise<number>((resolve, reject) => {
      request.on("response", (response) => (response.resume(), resolve(response.statusCode ?? 0))).on("error", reject);
    });
    request.flushHeaders();
    // The server says so once it has the headers: from here on the call is in flight.
    await once(request, "continue");
    request.write("{");
    const ended = server.stop();
    await expect.poll(() => statusOf(server.url).catch(String)).toContain("ECONNREFUSED");
    request.end("}");
    expect(await answered).toBe(400);
    expect((await ended).code).toBe(0);
    servers.length = 0;
  });
});

describe("settings", () => {
  it.each<[string, string[], string]>([
    ["a missing one", ["--config", "c"], "data is missing: set --data, TOKENS_DATA"],
    ["an unknown one", ["--config", "c", "--data", "d", "--nope", "1"], "--nope"],
    ["an address that is none", ["--config", "c", "--data", "d", "--listen", "nowhere"], "listen"],
    [
      "a policy folder that is not there",
      ["--config", "/does/not/exist", "--data", "/does/not/exist"],
      "/does/not/exist",
    ],
  ])("are refused with 2 and a word on what to do: %s", async (_name, flags, words) => {
    const { code, stderr } = await runTokens(["serve", "--listen", "127.0.0.1:0", ...flags]);
    expect(code).toBe(2);
    expect(stderr).toContain(words);
  });

  it("come from a file and the environment too", async () => {
    const file = join(folder, "settings.yaml");
    writeFileSync(file, `config: ${join(folder, "config")}\napp-id: from-file\n`);
    const server = await startServer(["--settings", file, "--data", join(folder, "data")], {
      TOKENS_APP_ID: "from-environment",
    });
    servers.push(server);
    const info = (await (await fetch(`${server.url}/auth/api/v1/server/info`)).json()) as Record<string, unknown>;
    expect(JSON.stringify(info)).toContain("from-environment");
  });
});

it("keeps its key: a restart publishes the same certificate", async () => {
  const published = async (server: RunningServer) => {
    const document = (await (await fetch(`${server.url}/auth/api/v1/server/certificates`)).json()) as {
      certificates: unknown;
    };
    return document.certificates;
  };
  const first = await start();
  const before = await published(first);
  await first.stop();
  servers.length = 0;
  expect(await published(await start())).toEqual(before);
  expect(statSync(join(folder, "data/tokens.db")).mode & 0o777).toBe(0o600);
});
