import { existsSync, unlinkSync } from "node:fs";
import type { ServerResponse } from "node:http";
import { connect } from "node:net";
import { type Address, isLoopback } from "./address.js";
import { UsageError } from "./exit-code.js";
import { type Handler, type Listener, listen } from "./listener.js";

/**
 * Opens the administrators' port. A Unix socket is for its owner alone. On TCP, pages in a browser on the same machine
 * could reach it: what a browser sends on their behalf is refused.
 */
export async function listenForAdministrators(handler: Handler, address: Address): Promise<Listener> {
  if (!("path" in address)) return listen(refuseBrowsers(handler), address);
  await removeStaleSocket(address.path);
  const umask = process.umask(0o177);
  const opening = listen(handler, address);
  process.umask(umask);
  return opening;
}

/** A socket that nobody answers is left over from a server that was killed. */
async function removeStaleSocket(path: string): Promise<void> {
  if (!existsSync(path)) return;
  const inUse = await new Promise<boolean>((resolve) => {
    const socket = connect(path, () => resolve(true)).on("error", () => resolve(false));
    socket.unref().on("connect", () => socket.destroy());
  });
  if (inUse)
    throw new UsageError(`another server uses ${path}; stop it, or give this one another --data or --admin-listen`);
  unlinkSync(path);
}

/** A page can make its visitor's browser call us, but not hide its Origin, nor (after DNS rebinding) its own host name. */
function refuseBrowsers(handler: Handler): Handler {
  return (request, response) => {
    const host = request.headers.host ?? request.headers[":authority"];
    if (request.headers.origin === undefined && isOurName(hostName(String(host)))) return handler(request, response);
    // Both response classes take these calls, but TypeScript cannot call a method of a union of them.
    const out = response as ServerResponse;
    out.writeHead(403, { "content-type": "text/plain; charset=utf-8" });
    out.end("not for browsers\n");
  };
}

function isOurName(host: string): boolean {
  return host === "localhost" || isLoopback(host);
}

function hostName(host: string): string {
  return /^(?:\[([^\]]*)\]|([^:]*))(?::\d+)?$/.exec(host)?.slice(1).join("") ?? "";
}
