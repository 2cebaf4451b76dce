import type { ServerResponse } from "node:http";
import type { BlockList } from "node:net";
import type { ContextValues } from "@connectrpc/connect";
import {
  connectNodeAdapter,
  universalRequestFromNodeRequest,
  universalResponseToNodeResponse,
} from "@connectrpc/connect-node";
import { TRUST_BUNDLE_PATH, TRUST_BUNDLE_TYPE } from "@tokens/machine-auth/trust-bundle";
import { type ListenerName, PRPC_PREFIX, type TokenServer, Unavailable } from "@tokens/minter";
import { connectionValues } from "./connection.js";
import { answerDirectly } from "./direct-calls.js";
import type { Handler } from "./listener.js";
import type { PrometheusMetrics } from "./prometheus.js";

type NodeHandler = NonNullable<Parameters<typeof connectNodeAdapter>[0]["fallback"]>;
type Request = Parameters<NodeHandler>[0];
type Response = Parameters<NodeHandler>[1];

/** What a GET of one path answers. */
interface Page {
  readonly status: number;
  readonly type: string;
  readonly body: string | Uint8Array;
  /** Names this version of what is asked for again and again. */
  readonly etag?: string;
  /** The methods that the path has, where the one given is not among them. */
  readonly allow?: string;
}

const text = (status: number, body: string): Page => ({ status, type: "text/plain; charset=utf-8", body: `${body}\n` });

/** What a port serves. */
export interface PortParts {
  readonly server: TokenServer;
  readonly metrics: Pick<PrometheusMetrics, "render" | "contentType">;
  readonly isReady: () => boolean;
  readonly listener: ListenerName;
  /** Whose X-Forwarded-For is believed. */
  readonly trustedProxies: BlockList;
}

/** Answers everything on a port: RPCs in all protocols, the public documents, health and metrics. */
export function tokenServerHandler({ server, metrics, isReady, listener, trustedProxies }: PortParts): Handler {
  const pages = new Map<string, (request: Request) => Page | Promise<Page>>([
    [TRUST_BUNDLE_PATH, (request) => bundlePage(server, request)],
    ["/healthz", () => text(200, "OK")],
    ["/readyz", () => (isReady() ? text(200, "OK") : text(503, "not ready"))],
  ]);
  for (const [path, render] of server.documents) {
    const type = path.endsWith(".pem") ? "application/x-pem-file" : "application/json";
    pages.set(path, () => ({ status: 200, type, body: render() }));
  }
  // How busy a server is, and with whom, is nobody's business but its operators'.
  if (listener === "admin") {
    pages.set("/metrics", async () => ({ status: 200, type: metrics.contentType, body: await metrics.render() }));
  }
  const contextValues = (request: Request) => connectionValues(request, listener, trustedProxies);
  const answerCall = connectNodeAdapter({
    ...server.routerOptions,
    routes: server.routes,
    contextValues,
    fallback: (_, response) => answer(response, text(404, "not found")),
  });
  const hosts = new HostCheck();
  return (request, response) => {
    // First, for these calls are most of all.
    const direct = server.direct.get(request.url ?? "");
    if (direct && hosts.isGood(hostOf(request)) && answerDirectly(direct, { request, response, contextValues })) return;
    const path = (request.url ?? "").split("?", 1)[0] ?? "";
    const page = pages.get(path);
    if (page) return void answerPage(page, request, response);
    // Connect makes a URL of the host and the path before anything else, and throws when they are none.
    if (!hasUrl(request)) return answer(response, text(400, "the host or the path is malformed"));
    if (path.startsWith(PRPC_PREFIX)) return void answerPrpc(server, request, response, contextValues(request));
    answerCall(request, response);
  };
}

async function answerPrpc(server: TokenServer, request: Request, response: Response, values: ContextValues) {
  try {
    const call = universalRequestFromNodeRequest(request, response, undefined, values);
    await universalResponseToNodeResponse(await server.prpc(call), response);
  } catch {
    // The answer could not be written: the client is gone.
    request.destroy();
  }
}

function hostOf(request: Request): string | undefined {
  return "authority" in request ? request.authority : request.headers.host;
}

function hasUrl(request: Request): boolean {
  const host = hostOf(request);
  return host !== undefined && URL.canParse(request.url ?? "", `http://${host}`);
}

/** Tells hosts that can stand in a URL. It remembers one: to parse is dear, and most clients call a server by the same name. */
class HostCheck {
  #good: string | undefined = undefined;

  isGood(host: string | undefined): boolean {
    if (host === undefined) return false;
    if (host !== this.#good && URL.canParse(`http://${host}`)) this.#good = host;
    return host === this.#good;
  }
}

/** The whole bundle, what came since the one that the verifier has, or that there is nothing new. */
async function bundlePage(server: TokenServer, { url = "", headers }: Request): Promise<Page> {
  const since = new URLSearchParams(url.split("?", 2)[1]).get("since") ?? undefined;
  const { etag, body } = await server.trustBundle({ since, ifNoneMatch: headers["if-none-match"] });
  return { status: body ? 200 : 304, type: TRUST_BUNDLE_TYPE, body: body ?? "", etag };
}

async function answerPage(
  page: (request: Request) => Page | Promise<Page>,
  request: Request,
  response: Response,
): Promise<void> {
  const readable = request.method === "GET" || request.method === "HEAD";
  if (readable) answer(response, await rendered(() => page(request)), request.method);
  else answer(response, { ...text(405, "method not allowed"), allow: "GET, HEAD" });
}

/** A page that cannot be told now is no reason to end the server, and says nothing of why. */
async function rendered(page: () => Page | Promise<Page>): Promise<Page> {
  try {
    return await page();
  } catch (error) {
    return error instanceof Unavailable ? text(503, "cannot tell now") : text(500, "internal error");
  }
}

function answer(response: Response, { status, type, body, allow, etag }: Page, method = "GET"): void {
  // Both response classes take these calls, but TypeScript cannot call a method of a union of them.
  const out = response as ServerResponse;
  out.writeHead(status, {
    ...(status === 304 ? {} : { "content-type": type, "content-length": String(Buffer.byteLength(body)) }),
    ...(etag === undefined ? { "cache-control": "no-store" } : { "cache-control": "no-cache", etag }),
    "x-content-type-options": "nosniff",
    ...(allow === undefined ? {} : { allow }),
  });
  out.end(method === "HEAD" || status === 304 ? undefined : body);
}
