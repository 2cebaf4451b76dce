import { createServer as createHttp1Server, type IncomingMessage, type ServerResponse } from "node:http";
import {
  createSecureServer,
  createServer as createHttp2Server,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type ServerHttp2Session,
} from "node:http2";
import { createServer, type Server as NetServer, type Socket } from "node:net";
import type { Address } from "./address.js";
import { FollowedHttp2Request, FollowedHttp2Response, FollowedRequest, FollowedResponse } from "./followed-exchange.js";

/** Answers a request of either HTTP version. */
export type Handler = (
  request: IncomingMessage | Http2ServerRequest,
  response: ServerResponse | Http2ServerResponse,
) => void;

/** A port that is open. */
export interface Listener {
  /** The port in use; 0 for a Unix socket. */
  readonly port: number;
  /** Stops accepting, lets what is in flight finish for at most this long, then cuts off the rest. */
  stop(graceMs: number): Promise<void>;
}

/** Bounds what clients of a port hold while nothing can be done for them. */
export interface PortGuard {
  /** Takes every new connection in. */
  readonly connections: { add(socket: Socket): void };
  /** The handler, with every request followed from its headers to the end of its answer. */
  guard(handler: Handler): Handler;
  close(): void;
}

/** Certificate and key in PEM. */
export interface TlsFiles {
  readonly cert: Buffer;
  readonly key: Buffer;
  /** CAs of clients that have a certificate. */
  readonly clientCa?: Buffer;
}

/** All headers of a request together, in bytes. */
const MAX_HEADER_BYTES = 16 * 1024;
/** A client that has not said what it wants after this long is cut off, in milliseconds. */
const FIRST_BYTES_MS = 10_000;
const HEADERS_MS = 15_000;
const REQUEST_MS = 30_000;
/** How often slow clients are looked for: few are cut off at a time, so that nobody else waits meanwhile. */
const CHECKING_MS = 100;
const HANDSHAKE_MS = 10_000;
/** How long a connection may wait for its next request over HTTP/1.1, and be without a byte over HTTP/2, in milliseconds. */
const IDLE_HTTP1_MS = 5_000;
const IDLE_HTTP2_MS = 120_000;
/** Connections that the system may take before we do: a burst of them must not make it drop any. */
const BACKLOG = 4096;

const http1Options = {
  maxHeaderSize: MAX_HEADER_BYTES,
  headersTimeout: HEADERS_MS,
  requestTimeout: REQUEST_MS,
  connectionsCheckingInterval: CHECKING_MS,
  keepAliveTimeout: IDLE_HTTP1_MS,
};
const http2Options = {
  Http2ServerRequest: FollowedHttp2Request,
  Http2ServerResponse: FollowedHttp2Response,
  settings: { maxHeaderListSize: MAX_HEADER_BYTES, maxConcurrentStreams: 100 },
};

/** What an HTTP/2 client sends before anything else begins with these three bytes, and no HTTP/1.1 request does. */
const HTTP2_PREFACE = "PRI";

/** Opens a port that speaks HTTP/1.1 and HTTP/2: by what a client sends first without TLS, by ALPN with it. */
export async function listen(handler: Handler, address: Address, tls?: TlsFiles, guard?: PortGuard): Promise<Listener> {
  const bounded = refuseLargeHeaders(handler);
  const guarded = guard?.guard(bounded) ?? bounded;
  const open = tls ? secureServer(guarded, tls) : plainServer(guarded);
  const sockets = new Set<Socket>();
  open.server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    guard?.connections.add(socket);
  });
  await new Promise<void>((resolve, reject) => {
    open.server.once("error", reject);
    open.server.listen({ ...address, backlog: BACKLOG }, resolve);
  });
  const bound = open.server.address();
  return {
    port: typeof bound === "object" ? (bound?.port ?? 0) : 0,
    stop: async (graceMs) => {
      await drain(open, sockets, graceMs);
      guard?.close();
    },
  };
}

/** Node bounds the headers of HTTP/1.1 by itself; of HTTP/2 it only says what it would like, and takes four times as much. */
function refuseLargeHeaders(handler: Handler): Handler {
  return (request, response) => {
    if (request.httpVersionMajor === 1 || sizeOf(request.rawHeaders) <= MAX_HEADER_BYTES) {
      return handler(request, response);
    }
    // Both response classes take these calls, but TypeScript cannot call a method of a union of them.
    const out = response as ServerResponse;
    out.writeHead(431, { "content-type": "text/plain; charset=utf-8" });
    out.end("the headers are too large\n");
  };
}

function sizeOf(rawHeaders: readonly string[]): number {
  return rawHeaders.reduce((bytes, text) => bytes + Buffer.byteLength(text), 0);
}

interface OpenServer {
  readonly server: NetServer;
  /** Ends connections on which nothing is in flight. */
  closeIdle(): void;
}

async function drain(open: OpenServer, sockets: ReadonlySet<Socket>, graceMs: number): Promise<void> {
  open.server.close();
  const deadline = performance.now() + graceMs;
  while (sockets.size > 0 && performance.now() < deadline) {
    open.closeIdle();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  for (const socket of sockets) socket.destroy();
}

/** Closes sessions on which nothing happens; the result closes all, each once its streams are done. */
function trackSessions(server: NetServer): () => void {
  const sessions = new Set<ServerHttp2Session>();
  server.on("session", (session: ServerHttp2Session) => {
    sessions.add(session);
    session.setTimeout(IDLE_HTTP2_MS, () => session.destroy());
    session.on("close", () => sessions.delete(session));
  });
  return () => {
    for (const session of sessions) if (!session.closed) session.close();
  };
}

function plainServer(handler: Handler): OpenServer {
  const http1 = createHttp1Server(
    { ...http1Options, IncomingMessage: FollowedRequest, ServerResponse: FollowedResponse },
    handler,
  );
  const http2 = createHttp2Server(http2Options, handler);
  const closeSessions = trackSessions(http2);
  // It never listens itself. Without this event it would neither time slow requests out nor know which are idle.
  http1.emit("listening");
  const undecided = new Set<Socket>();
  const server = createServer({ noDelay: true }, (socket) => {
    undecided.add(socket);
    socket.on("close", () => undecided.delete(socket));
    sniff(socket, (speaksHttp2) => {
      undecided.delete(socket);
      (speaksHttp2 ? http2 : http1).emit("connection", socket);
    });
  });
  server.on("close", () => stopTimers(http1));
  return {
    server,
    closeIdle: () => {
      for (const socket of undecided) socket.destroy();
      http1.closeIdleConnections();
      closeSessions();
    },
  };
}

/** A server that does not listen cannot be closed, but its timers stop all the same. */
function stopTimers(http1: NetServer): void {
  http1.close(() => undefined);
}

/** Waits for the first bytes, puts them back, and says whether they begin an HTTP/2 connection. */
function sniff(socket: Socket, decide: (speaksHttp2: boolean) => void): void {
  let first = Buffer.alloc(0);
  const cutOff = () => socket.destroy();
  const read = (chunk: Buffer): void => {
    first = Buffer.concat([first, chunk]);
    const start = first.toString("latin1", 0, HTTP2_PREFACE.length);
    if (start.length < HTTP2_PREFACE.length && HTTP2_PREFACE.startsWith(start)) return;
    socket.off("data", read).off("error", cutOff).off("timeout", cutOff).setTimeout(0);
    const speaksHttp2 = start === HTTP2_PREFACE;
    // HTTP/2 takes what is buffered a tick later, and a flowing socket would have dropped it by then. HTTP/1.1 must find
    // it flowing: it never resumes what somebody else has paused.
    if (speaksHttp2) socket.pause();
    socket.unshift(first);
    decide(speaksHttp2);
  };
  socket.on("data", read).on("error", cutOff).on("timeout", cutOff).setTimeout(FIRST_BYTES_MS);
}

/**
 * A client may show a certificate, and then owns it. Whether anybody vouches for it is decided later, by our own rules:
 * a handshake that fails says nothing to the client that an answer could not say better.
 */
function tlsOptions({ cert, key, clientCa }: TlsFiles) {
  if (clientCa === undefined) return { cert, key };
  return { cert, key, ca: clientCa, requestCert: true, rejectUnauthorized: false };
}

function secureServer(handler: Handler, tls: TlsFiles): OpenServer {
  const server = createSecureServer(
    {
      ...http2Options,
      ...tlsOptions(tls),
      allowHTTP1: true,
      Http1IncomingMessage: FollowedRequest,
      Http1ServerResponse: FollowedResponse,
      handshakeTimeout: HANDSHAKE_MS,
    },
    handler,
  );
  // As options Node does not heed them here: it has limits of minutes of its own, and looks at these properties.
  Object.assign(server, http1Options);
  const closeSessions = trackSessions(server);
  const active = new Map<Socket, number>();
  const count = (socket: Socket, step: number) => active.set(socket, (active.get(socket) ?? 0) + step);
  server.on(
    "request",
    (request: IncomingMessage | Http2ServerRequest, response: ServerResponse | Http2ServerResponse) => {
      if (request.httpVersionMajor !== 1) return;
      const { socket } = request;
      count(socket, 1);
      response.once("close", () => count(socket, -1));
    },
  );
  server.on("secureConnection", (socket) => {
    if (socket.alpnProtocol === "h2") return;
    count(socket, 0);
    socket.on("close", () => active.delete(socket));
  });
  return {
    server,
    closeIdle: () => {
      for (const [socket, requests] of active) if (requests === 0) socket.destroy();
      closeSessions();
    },
  };
}
