import type { MachineKey } from "./machine-key.js";
import { signedMintRequest } from "./machine-token-request.js";
import { type MintedMachineToken, readMintResponse, requireAudience } from "./mint-response.js";
import type { Connection } from "./post-connection.js";
import { postUnary, type UnaryProtocol } from "./post-unary.js";
import { retry, type RetryBudget } from "./retry.js";

export { MachineKeyError, MintError, type MintErrorCode, type MintErrorDetails } from "./errors.js";
export { loadMachineKey, type MachineKey } from "./machine-key.js";
export { type Environment, proxyFor } from "./proxy.js";
export type { MintedMachineToken } from "./mint-response.js";
export { beginRequest, type Connection, type OutgoingCall } from "./post-connection.js";
export type { UnaryProtocol } from "./post-unary.js";
export type { RetryBudget } from "./retry.js";

const METHOD = "tokenserver.minter.TokenMinter/MintMachineToken";

/** How to get a machine token. */
export interface MintOptions extends RetryBudget {
  /** Base URL of the token server. */
  readonly url: string;
  readonly key: MachineKey;
  /** How the call travels. Default: `connect`. */
  readonly protocol?: UnaryProtocol;
  /**
   * The server's name for itself. With it the request is good for one call to that server: it carries the name and a
   * nonce, and is signed anew for each attempt. LUCI's servers do not look at either.
   */
  readonly serverName?: string;
  /**
   * The services that the token is to be meant for, as `service:<id>`: others refuse it. Absent or empty: any service. A
   * token without them, as LUCI's servers make it, is not taken.
   */
  readonly audience?: readonly string[];
  /** How the server is reached. Default: directly. */
  readonly connection?: Connection;
  /** Unix milliseconds. Default: the system's clock. */
  readonly clock?: () => number;
}

/**
 * Trades a machine's certificate for a token: one signed request, sent again while the server cannot be reached, within
 * the time given. Needs nothing but Node. Rejects with a MintError, or with what the key rejects with.
 */
export async function mintMachineToken(options: MintOptions): Promise<MintedMachineToken> {
  const { url, key, protocol = "connect", serverName, connection = {}, clock = Date.now } = options;
  const lasting = serverName === undefined ? await signedMintRequest(key, clock(), options) : undefined;
  const attempt = async (signal: AbortSignal, timeoutMs: number) => {
    const body = lasting ?? (await signedMintRequest(key, clock(), options));
    const answer = await postUnary({ protocol, url, method: METHOD, body, signal, timeoutMs, connection });
    return requireAudience(readMintResponse(answer), options.audience);
  };
  return retry(attempt, options);
}
