import type { IncomingMessage } from "node:http";
import type { Http2ServerRequest } from "node:http2";
import type { BlockList } from "node:net";
import { TLSSocket } from "node:tls";
import { type ContextValues, createContextValues } from "@connectrpc/connect";
import {
  clientCertificateKey,
  listenerKey,
  type ListenerName,
  peerAddressKey,
  repeatedHeadersKey,
} from "@tokens/minter";
import { peerAddress } from "./peer-address.js";

type Request = IncomingMessage | Http2ServerRequest;

/** What a handler is told of the connection that a request came in on, and of what Connect does not show of it. */
export function connectionValues(request: Request, listener: ListenerName, trustedProxies: BlockList): ContextValues {
  return createContextValues()
    .set(listenerKey, listener)
    .set(peerAddressKey, peerAddress(request.socket.remoteAddress ?? "", forwardedFor(request), trustedProxies))
    .set(clientCertificateKey, clientCertificate(request))
    .set(repeatedHeadersKey, repeatedHeaders(request.rawHeaders));
}

/** All values of X-Forwarded-For, in the order in which proxies added them. */
function forwardedFor({ headers: { "x-forwarded-for": given = "" } }: Request): string {
  return typeof given === "string" ? given : given.join(",");
}

/** The certificate that the client proved to own; only servers that ask for one get one. */
function clientCertificate(request: Request): Uint8Array | undefined {
  const socket = "stream" in request ? request.stream.session?.socket : request.socket;
  return socket instanceof TLSSocket ? socket.getPeerX509Certificate()?.raw : undefined;
}

const NONE: ReadonlySet<string> = new Set();

/** Lower-case names of headers that are there more than once: names and values take turns. */
export function repeatedHeaders(rawHeaders: readonly string[]): ReadonlySet<string> {
  const seen = new Set<string>();
  let repeated: Set<string> | undefined;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = (rawHeaders[index] ?? "").toLowerCase();
    if (seen.has(name)) (repeated ??= new Set()).add(name);
    else seen.add(name);
  }
  return repeated ?? NONE;
}
