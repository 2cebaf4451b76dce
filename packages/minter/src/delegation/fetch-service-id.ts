import type { IncomingMessage } from "node:http";
import { request } from "node:https";
import { isIdentity } from "@tokens/machine-auth";
import { type AllowedHosts, guardedAddresses, lookupOf, type ResolveName } from "../fetch/guarded-address.js";

/** The service cannot be asked now; asking again may help. */
export class ServiceUnreachable extends Error {
  override name = "ServiceUnreachable";
}

/** How services are asked. */
export interface ServiceFetch {
  /** Services that may have private addresses. */
  readonly hosts: AllowedHosts;
  /** Default: as the system resolves names. */
  readonly resolve?: ResolveName;
  /** PEM of the only CAs that services' certificates may come from. Default: Node's. */
  readonly ca?: string;
}

/** Largest document, in bytes. */
const MAX_BYTES: number = 64 * 1024;

/** A name or an address, maybe a port, and nothing that would make it another URL. */
const HOST = /^https:\/\/([a-z0-9._-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?$/;

/**
 * Asks the service at an `https://<host>`, in lower case, for its identity `service:<app_id>`: one GET, of a public or
 * allowed address, the one that was looked at. Redirects are not followed. Rejects with ServiceUnreachable, or with
 * another Error when asking again will not help; no message holds a byte of what came.
 */
export async function fetchServiceId(text: string, fetch: ServiceFetch, signal: AbortSignal): Promise<string> {
  if (!HOST.test(text) || !URL.canParse(text)) throw new Error("it is not https:// and a host alone");
  const url = new URL("/auth/api/v1/server/info", text);
  const id = `service:${appIdOf(await fetchDocument(url, fetch, signal))}`;
  if (!isIdentity(id)) throw new Error("its app_id is not the name of a service");
  return id;
}

async function fetchDocument(url: URL, fetch: ServiceFetch, signal: AbortSignal): Promise<Uint8Array> {
  const unreachable = (cause: unknown) => new ServiceUnreachable("it cannot be reached", { cause });
  const addresses = await guardedAddresses(url, fetch.hosts, signal, fetch.resolve).catch((error: unknown) => {
    throw unreachable(error);
  });
  if (!addresses) throw new Error("its address is not public");
  const response = await new Promise<IncomingMessage>((done, fail) => {
    const headers = { accept: "application/json", "accept-encoding": "identity" };
    const options = { headers, lookup: lookupOf(addresses), signal, agent: false, ...(fetch.ca && { ca: fetch.ca }) };
    request(url, options, done).on("error", fail).end();
  }).catch((error: unknown) => {
    throw unreachable(error);
  });
  try {
    requireStatus(response.statusCode ?? 0);
    return await readAll(response);
  } finally {
    response.destroy();
  }
}

function requireStatus(status: number): void {
  if (status === 429 || status >= 500) throw new ServiceUnreachable(`it answers HTTP ${status}`);
  if (status !== 200) throw new Error(`it answers HTTP ${status}`);
}

async function readAll(response: AsyncIterable<Buffer>): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of response) {
      size += chunk.length;
      if (size > MAX_BYTES) break;
      chunks.push(chunk);
    }
  } catch (error) {
    throw new ServiceUnreachable("its answer broke off", { cause: error });
  }
  if (size > MAX_BYTES) throw new Error(`its answer has more than ${MAX_BYTES} bytes`);
  return Buffer.concat(chunks);
}

function appIdOf(document: Uint8Array): string {
  let read: unknown;
  try {
    read = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(document));
  } catch {
    throw new Error("its answer is not JSON");
  }
  if (typeof read === "object" && read !== null && "app_id" in read && typeof read.app_id === "string") {
    return read.app_id;
  }
  throw new Error("its answer has no app_id");
}
