import {
  type ClientRequest,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  request as requestOverHttp,
  type RequestOptions,
} from "node:http";
import type * as https from "node:https";
import type { Socket } from "node:net";

/** How a server is reached. */
export interface Connection {
  /** The only CAs that a server's certificate may come from, in PEM. Default: those that Node knows. */
  readonly ca?: string | Buffer;
  /** An HTTP proxy to go through, with its password if it wants one. */
  readonly proxy?: URL;
}

/** One request that is about to be sent. */
export interface OutgoingCall {
  readonly url: URL;
  readonly options: Omit<RequestOptions, "headers"> & { readonly headers: OutgoingHttpHeaders };
  readonly connection: Connection;
}

/**
 * Begins a request: directly, through a tunnel that an HTTP proxy opens (https), or by asking the proxy (http). Rejects
 * with what Node says, or when the proxy opens no tunnel.
 */
export async function beginRequest({ url, options, connection }: OutgoingCall): Promise<ClientRequest> {
  const { ca, proxy } = connection;
  const { request } = await protocolOf(url);
  if (!proxy) return request(url, { ...options, ...(ca !== undefined && { ca }) });
  if (url.protocol === "http:") return askProxy(proxy, url, options);
  const socket = await openSocket(url, connection, options.signal, []);
  // With an agent Node would open a connection of its own, around the proxy.
  return request(url, { ...options, ...(socket && { createConnection: () => socket }) });
}

/**
 * A connection to the server through the proxy, with TLS for https, that asks for one of these protocols; undefined where
 * there is no proxy to go through. Rejects when the proxy opens no tunnel.
 */
export async function openSocket(
  url: URL,
  { ca, proxy }: Connection,
  signal: AbortSignal | undefined,
  protocols: string[],
): Promise<Socket | undefined> {
  if (!proxy) return undefined;
  const socket = await openTunnel(proxy, url, signal);
  if (url.protocol === "http:") return socket;
  const { connect } = await import("node:tls");
  const servername = url.hostname.startsWith("[") || /^[\d.]+$/.test(url.hostname) ? "" : url.hostname;
  const alpn = protocols.length === 0 ? {} : { ALPNProtocols: protocols };
  return connect({ socket, servername, host: url.hostname, ...alpn, ...(ca !== undefined && { ca }) });
}

/** TLS takes longer to load than all else, and is not always needed. */
async function protocolOf(url: URL): Promise<Pick<typeof https, "request">> {
  return url.protocol === "https:" ? import("node:https") : { request: requestOverHttp };
}

async function askProxy(proxy: URL, url: URL, options: OutgoingCall["options"]): Promise<ClientRequest> {
  const { request } = await protocolOf(proxy);
  const headers = { ...options.headers, host: url.host, ...credentials(proxy) };
  return request(proxy, { ...options, path: url.href, headers });
}

async function openTunnel(proxy: URL, url: URL, signal: AbortSignal | undefined): Promise<Socket> {
  const { request } = await protocolOf(proxy);
  const target = `${url.hostname}:${url.port || (url.protocol === "http:" ? "80" : "443")}`;
  const headers = { host: target, ...credentials(proxy) };
  return new Promise((resolve, reject) => {
    const asking = request(proxy, {
      method: "CONNECT",
      path: target,
      headers,
      agent: false,
      ...(signal && { signal }),
    });
    const refuse = ({ statusCode }: IncomingMessage, socket: { destroy(): void }) => {
      socket.destroy();
      reject(new Error(`the proxy ${proxy.host} opened no tunnel: HTTP status ${statusCode}`));
    };
    asking.on("connect", (response, socket: Socket, early: Buffer) => {
      if (response.statusCode !== 200) return refuse(response, socket);
      // An HTTP/2 server speaks first, and what it says may come with the proxy's answer.
      if (early.length > 0) socket.unshift(early);
      resolve(socket);
    });
    asking.on("response", (response) => refuse(response, response));
    asking.on("error", (error) => reject(new Error(`the proxy ${proxy.host} cannot be reached: ${error.message}`)));
    asking.end();
  });
}

function credentials({ username, password }: URL): Record<string, string> {
  if (username === "" && password === "") return {};
  const text = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { "proxy-authorization": `Basic ${Buffer.from(text).toString("base64")}` };
}
