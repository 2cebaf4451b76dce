import { chmodSync, chownSync, existsSync, lstatSync, unlinkSync } from "node:fs";
import { createServer, type RequestListener, type Server } from "node:http";
import { connect } from "node:net";
import type { Keeper } from "./keeper.js";
import { prometheusText } from "./prometheus.js";

/** Where a health endpoint listens. */
export type HealthAddress = { readonly host: string; readonly port: number } | { readonly path: string };

/** Reads `HOST:PORT` or `unix:PATH`; undefined when it is neither. */
export function parseHealthAddress(text: string): HealthAddress | undefined {
  const [, path] = /^unix:(.+)$/.exec(text) ?? [];
  if (path !== undefined) return { path };
  const [, host = "", port = ""] = /^(\[[0-9a-fA-F:.]+\]|[^:[\]]+):(\d{1,5})$/.exec(text) ?? [];
  if (host === "" || Number(port) > 65_535) return undefined;
  return { host: host.replace(/^\[|\]$/g, ""), port: Number(port) };
}

/** How a socket in the file system is protected. */
export interface SocketOptions {
  readonly mode: number;
  readonly gid: number | undefined;
}

/**
 * Serves `/healthz`, `/readyz` (a usable token exists) and `/metrics`; on a Unix socket also `/token`, as whoever may
 * connect there may read the token. Rejects when the address cannot be had.
 */
export async function serveHealth(keeper: Keeper, address: HealthAddress, options: SocketOptions): Promise<Server> {
  const server = createServer(healthHandler(keeper, "path" in address));
  if ("path" in address) await removeStaleSocket(address.path);
  // A socket is made with the permissions that the mask leaves: nobody may connect before they are right.
  const mask = process.umask(0o177);
  try {
    await new Promise<void>((resolve, reject) => server.once("error", reject).listen(address, resolve));
  } finally {
    process.umask(mask);
  }
  if ("path" in address) protect(address.path, options);
  return server;
}

function protect(path: string, { mode, gid }: SocketOptions): void {
  if (gid !== undefined) chownSync(path, process.geteuid?.() ?? 0, gid);
  // Who may read a file may connect: that takes the permission to write.
  chmodSync(path, mode | ((mode & 0o444) >> 1));
}

/** A killed daemon leaves its socket behind; one that answers belongs to a daemon that runs. */
async function removeStaleSocket(path: string): Promise<void> {
  if (!existsSync(path)) return;
  const isAlive = await new Promise<boolean>((resolve) => {
    const socket = connect(path);
    socket.on("connect", () => (socket.destroy(), resolve(true))).on("error", () => resolve(false));
  });
  if (isAlive) throw new Error(`another daemon listens on ${path}`);
  // Anything but a socket is somebody's: listening there fails, and says so.
  if (lstatSync(path).isSocket()) unlinkSync(path);
}

function healthHandler(keeper: Keeper, isPrivate: boolean): RequestListener {
  return (request, response) => {
    const answer = (status: number, type: string, body: string) =>
      void response.writeHead(status, { "content-type": type, "cache-control": "no-store" }).end(body);
    const text = (status: number, body: string) => answer(status, "text/plain; charset=utf-8", `${body}\n`);
    const token = keeper.usableToken();
    if (request.method !== "GET" && request.method !== "HEAD") text(405, "method not allowed");
    else if (request.url === "/healthz") text(200, "OK");
    else if (request.url === "/readyz") text(token ? 200 : 503, token ? "OK" : "no usable token");
    else if (request.url === "/metrics") answer(200, "text/plain; version=0.0.4", prometheusText(keeper));
    else if (request.url !== "/token" || !isPrivate) text(404, "not found");
    else if (!token) text(503, "no usable token");
    else answer(200, "application/json", JSON.stringify({ token: token.luci_machine_token, expiry: token.expiry }));
  };
}
