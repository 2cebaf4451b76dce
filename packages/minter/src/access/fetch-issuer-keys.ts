import type { JSONWebKeySet } from "jose";
import { isSafeIssuerUrl } from "./oidc-issuer.js";

/** From the first packet to the last byte of one document, in milliseconds: a call that waits lives 30 s. */
const TIMEOUT_MS = 5_000;

/** Largest document, in bytes. */
const MAX_BYTES: number = 256 * 1024;

/**
 * Fetches an issuer's signing keys: its discovery document (OpenID Connect Discovery §4), and the key set that this one
 * names. Rejects with an Error that says what was wrong, and nothing of what came.
 */
export async function fetchIssuerKeys(issuer: string, timeoutMs: number = TIMEOUT_MS): Promise<JSONWebKeySet> {
  const discovery = await fetchJson(`${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`, timeoutMs);
  if (discovery["issuer"] !== issuer) throw new Error("the discovery document is of another issuer");
  const address = discovery["jwks_uri"];
  if (typeof address !== "string" || !isSafeIssuerUrl(address)) throw new Error("jwks_uri is not an https URL");
  const { keys } = await fetchJson(address, timeoutMs);
  if (!Array.isArray(keys)) throw new Error("the key set has no list of keys");
  return { keys: keys.filter((key) => typeof key === "object" && key !== null) as JSONWebKeySet["keys"] };
}

/** One GET of a JSON object: status 200 only; redirects are not followed, for they could lead anywhere. */
async function fetchJson(url: string, timeoutMs: number): Promise<Record<string, unknown>> {
  const headers = { accept: "application/json", "accept-encoding": "identity" };
  const response = await fetch(url, { headers, redirect: "error", signal: AbortSignal.timeout(timeoutMs) });
  if (response.status !== 200) {
    await response.body?.cancel();
    throw new Error(`status ${response.status} from ${url}`);
  }
  const document: unknown = JSON.parse(await readText(response, url));
  if (typeof document !== "object" || document === null || Array.isArray(document)) {
    throw new Error(`no JSON object from ${url}`);
  }
  return document as Record<string, unknown>;
}

async function readText(response: Response, url: string): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  // Leaving the loop closes the connection.
  for await (const chunk of response.body ?? []) {
    size += chunk.length;
    if (size > MAX_BYTES) throw new Error(`more than ${MAX_BYTES} bytes from ${url}`);
    chunks.push(chunk);
  }
  return new TextDecoder("utf-8", { fatal: true }).decode(Buffer.concat(chunks));
}
