import type { ServerResponse } from "node:http";
import { createContextValues } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { listenerKey, type ListenerName, peerAddressKey, type TokenServer } from "@tokens/minter";
import type { Handler } from "./listener.js";

type NodeHandler = NonNullable<Parameters<typeof connectNodeAdapter>[0]["fallback"]>;

/** What a GET of one path answers. */
interface Page {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

const text = (status: number, body: string): Page => ({ status, type: "text/plain; charset=utf-8", body: `${body}\n` });

/** Answers everything on a port: RPCs in all of Connect's protocols, the public documents, and the health pages. */
export function tokenServerHandler(server: TokenServer, isReady: () => boolean, listener: ListenerName): Handler {
  const pages = new Map<string, () => Page>([
    ["/healthz", () => text(200, "OK")],
    ["/readyz", () => (isReady() ? text(200, "OK") : text(503, "not ready"))],
  ]);
  for (const [path, render] of server.documents) {
    pages.set(path, () => ({ status: 200, type: "application/json", body: render() }));
  }
  return connectNodeAdapter({
    ...server.routerOptions,
    routes: server.routes,
    contextValues: (request) =>
      createContextValues()
        .set(listenerKey, listener)
        .set(peerAddressKey, request.socket.remoteAddress ?? ""),
    fallback: (request, response) => answerPage(pages, request, response),
  });
}

function answerPage(pages: ReadonlyMap<string, () => Page>, ...[request, response]: Parameters<NodeHandler>): void {
  const path = (request.url ?? "").split("?", 1)[0] ?? "";
  const page = pages.get(path);
  const readable = request.method === "GET" || request.method === "HEAD";
  const answer = page && readable ? page() : page ? text(405, "method not allowed") : text(404, "not found");
  const headers = {
    "content-type": answer.type,
    "content-length": String(Buffer.byteLength(answer.body)),
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    ...(page && !readable ? { allow: "GET, HEAD" } : {}),
  };
  // Both response classes take these calls, but TypeScript cannot call a method of a union of them.
  const out = response as ServerResponse;
  out.writeHead(answer.status, headers);
  out.end(request.method === "HEAD" ? undefined : answer.body);
}
