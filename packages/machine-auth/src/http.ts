import type { IncomingMessage, ServerResponse } from "node:http";
import { authenticate, type AuthenticateOptions, type Authentication } from "./authenticate.js";
import { MACHINE_TOKEN_HEADER } from "./machine-token.js";
import { type TrustSource, trustFromServer } from "./trust-source.js";
import type { MachineIdentity } from "./verify-machine-token.js";

/** A request whose sender is known. */
export interface MachineRequest extends IncomingMessage {
  machine: MachineIdentity;
}

/** Answers a request of a known machine. */
export type MachineHandler = (request: MachineRequest, response: ServerResponse) => void;

/** How a server is protected. */
export interface MachineAuthOptions extends Omit<AuthenticateOptions, "trust"> {
  /** Base URL of the token server, or any trust source. */
  readonly trust: string | TrustSource;
}

/** How long a client should wait before it tries again when nobody can tell, in seconds. */
const RETRY_AFTER_SECONDS = 5;

const tokenHeader = MACHINE_TOKEN_HEADER.toLowerCase();

/**
 * Protects handlers of a `node:http` server: they see requests of known machines only, with `request.machine` set. Others
 * get 401 (no token, or a bad one; `WWW-Authenticate` names the code) or 503 (nobody can tell now). Headers `X-Tokens-…`
 * that a client made up are removed. Throws a TypeError for a trust URL that is not safe.
 */
export function machineAuth(
  options: MachineAuthOptions,
): (handler: MachineHandler) => (request: IncomingMessage, response: ServerResponse) => void {
  const trust = typeof options.trust === "string" ? trustFromServer(options.trust) : options.trust;
  return (handler) => (request, response) => {
    removeForgedHeaders(request);
    const values = request.headersDistinct[tokenHeader] ?? [];
    authenticate(values, { ...options, trust }).then(
      (authentication) => {
        if (authentication.status !== "confirmed") return refuse(response, authentication);
        handler(Object.assign(request, { machine: authentication.machine }), response);
      },
      () => end(response, 500, "internal error", {}),
    );
  };
}

type Refused = Exclude<Authentication, { status: "confirmed" }>;

/** The public word is generic; the code tells the machine's operator enough. */
function refuse(response: ServerResponse, authentication: Refused): void {
  if (authentication.status === "unavailable") {
    return end(response, 503, "cannot check tokens now", { "retry-after": String(RETRY_AFTER_SECONDS) });
  }
  const error = authentication.status === "invalid" ? ` error="${authentication.error.code}"` : "";
  end(response, 401, "a machine token is required", { "www-authenticate": `MachineToken realm="machines"${error}` });
}

function end(response: ServerResponse, status: number, text: string, headers: Record<string, string>): void {
  response.writeHead(status, { ...headers, "content-type": "text/plain; charset=utf-8" });
  response.end(`${text}\n`);
}

/** Whether only we may set a header. Some proxies take `_` for `-`, so the twins go too. */
function isReserved(name: string): boolean {
  const plain = name.toLowerCase().replaceAll("_", "-");
  return plain.startsWith("x-tokens-") || (plain === tokenHeader && name.includes("_"));
}

/** `headers` and `headersDistinct` are read first: Node builds them from `rawHeaders` as long as it was on arrival. */
function removeForgedHeaders({ headers, headersDistinct, rawHeaders }: IncomingMessage): void {
  for (let i = rawHeaders.length - 2; i >= 0; i -= 2) {
    const name = rawHeaders[i] ?? "";
    if (!isReserved(name)) continue;
    rawHeaders.splice(i, 2);
    delete headers[name.toLowerCase()];
    delete headersDistinct[name.toLowerCase()];
  }
}
