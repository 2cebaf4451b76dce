import { once } from "node:events";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { get, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { bundleScript, startScript } from "../test/script.js";
import { type HealthAddress, parseHealthAddress, serveHealth, type SocketOptions } from "./health-server.js";
import { Keeper } from "./keeper.js";

let folder: string;
let socket: string;
let expiryMs: number;
let keeper: Keeper;
const servers: Server[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "health-"));
  socket = join(folder, "tokend.sock");
  expiryMs = Date.now() + 3_600_000;
  const clock = () => ({ wallMs: Date.now(), monotonicMs: performance.now() });
  const token = () => ({ luci_machine_token: "the-token", expiry: Math.floor(expiryMs / 1000) });
  const report = () => ({ startedMs: 0, endedMs: 0, outcome: "UPDATE_SUCCESS" as const, token: token() });
  const run = () => Promise.resolve({ isGood: true, report: report() });
  keeper = new Keeper({ run, clock, random: () => 0, splay: 0 });
});
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
  rmSync(folder, { recursive: true });
});

const options = { mode: 0o600, gid: undefined };
async function start(address: HealthAddress = { host: "127.0.0.1", port: 0 }, more: SocketOptions = options) {
  const server = await serveHealth(keeper, address, more);
  servers.push(server);
  const at = "path" in address ? { socketPath: address.path } : { port: (server.address() as AddressInfo).port };
  return async (path: string, method = "GET") => {
    const request = get({ ...at, path, method, agent: false });
    const [response] = (await once(request, "response")) as [IncomingMessage];
    let body = "";
    for await (const chunk of response) body += String(chunk);
    return { status: response.statusCode, body };
  };
}

describe("serveHealth", () => {
  it("is ready while there is a usable token, and healthy anyway", async () => {
    const ask = await start();
    expect([(await ask("/healthz")).status, (await ask("/readyz")).status]).toEqual([200, 503]);
    await keeper.tick();
    expect([(await ask("/healthz")).status, (await ask("/readyz")).status]).toEqual([200, 200]);
    expiryMs = Date.now() - 1000;
    await keeper.tick();
    expect([(await ask("/healthz")).status, (await ask("/readyz")).status]).toEqual([200, 503]);
  });

  it("has metrics, and nothing else", async () => {
    const ask = await start();
    expect((await ask("/metrics")).body).toContain("\ntokend_token_usable 0\n");
    await keeper.tick();
    expect((await ask("/metrics")).body).toContain('tokend_runs_total{outcome="UPDATE_SUCCESS"} 1\n');
    expect([(await ask("/")).status, (await ask("/readyz", "POST")).status]).toEqual([404, 405]);
  });

  it("gives the token to nobody on the network", async () => {
    await keeper.tick();
    const { status, body } = await (await start())("/token");
    expect([status, body]).toEqual([404, "not found\n"]);
  });

  it("gives the token to those who may connect to its socket", async () => {
    const ask = await start({ path: socket });
    expect(statSync(socket).mode & 0o777).toBe(0o600);
    expect((await ask("/token")).status).toBe(503);
    await keeper.tick();
    expect(JSON.parse((await ask("/token")).body)).toEqual({ token: "the-token", expiry: Math.floor(expiryMs / 1000) });
  });

  it("opens its socket to a group when the token file is open to it", async () => {
    await start({ path: socket }, { mode: 0o640, gid: process.getgid?.() });
    expect(statSync(socket).mode & 0o777).toBe(0o660);
  });

  it("takes over the socket of a daemon that was killed, but not that of one that runs", async () => {
    const code = `require("node:http").createServer().listen(process.argv[2], () => console.log("up"))`;
    const child = startScript(await bundleScript(code, join(folder, "listen.cjs")), [socket]);
    await once(child.stdout ?? child, "data");
    await expect(start({ path: socket })).rejects.toThrow("another daemon listens");
    child.kill("SIGKILL");
    await once(child, "exit");
    const ask = await start({ path: socket });
    expect((await ask("/healthz")).status).toBe(200);
  });

  it("does not remove what is no socket", async () => {
    const file = join(folder, "file");
    writeFileSync(file, "precious");
    await expect(start({ path: file })).rejects.toThrow();
    expect(statSync(file).size).toBe(8);
  });
});

describe("parseHealthAddress", () => {
  it.each([
    ["127.0.0.1:9464", { host: "127.0.0.1", port: 9464 }],
    ["[::1]:9464", { host: "::1", port: 9464 }],
    ["localhost:0", { host: "localhost", port: 0 }],
    ["unix:/run/tokend.sock", { path: "/run/tokend.sock" }],
  ])("reads %s", (text, address) => expect(parseHealthAddress(text)).toEqual(address));

  it.each(["", "9464", ":9464", "host:", "host:99999", "host:80x", "unix:", "http://host:80"])("refuses %j", (text) => {
    expect(parseHealthAddress(text)).toBeUndefined();
  });
});
