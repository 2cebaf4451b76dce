import { fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { type CallOptions, type Client, Code, ConnectError, createClient, type Transport } from "@connectrpc/connect";
import {
  type MintDelegationTokenRequestSchema,
  type MintDelegationTokenResponse,
  MintMachineTokenRequestSchema,
  MintMachineTokenResponseSchema,
  type MintProjectTokenRequestSchema,
  type MintProjectTokenResponse,
  type MintServiceAccountTokenRequestSchema,
  type MintServiceAccountTokenResponse,
  TokenMinter,
} from "@tokens/api";
import { MintError } from "./errors.js";
import { isTransient } from "./grpc-code.js";
import type { MachineKey } from "./machine-key.js";
import { signedMintRequest } from "./machine-token-request.js";
import { type MintedMachineToken, readMintResponse, requireAudience } from "./mint-response.js";
import { retry, type RetryBudget } from "./retry.js";

/** How a call is made. */
export interface MintCallOptions extends Partial<RetryBudget> {
  /** Headers of the call, for example the caller's credential. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** How a machine's call is made. */
export interface MintMachineTokenCallOptions extends MintCallOptions {
  /** With the server's name for itself, the request is good for one call to that server: it is signed anew for each attempt. */
  readonly serverName?: string;
  /** The services that the token is to be meant for, as `service:<id>`. Absent or empty: any service. */
  readonly audience?: readonly string[];
}

const DEFAULT_TIMEOUT_MS = 60_000;

/**
 * Gets tokens over any Connect transport: Connect, gRPC, gRPC-Web or pRPC. Each call is repeated while the server cannot
 * be reached or cannot tell, for a minute unless its options say otherwise, and rejects with a MintError.
 */
export class TokenClient {
  readonly #minter: Client<typeof TokenMinter>;
  readonly #clock: () => number;

  /** `clock` is unix milliseconds. */
  constructor(transport: Transport, clock: () => number = Date.now) {
    this.#minter = createClient(TokenMinter, transport);
    this.#clock = clock;
  }

  /** Trades a machine's certificate for a token. Rejects with what the key rejects with, too. */
  async mintMachineToken(key: MachineKey, options: MintMachineTokenCallOptions = {}): Promise<MintedMachineToken> {
    const { serverName, audience = [], ...rest } = options;
    const sign = async () =>
      fromBinary(MintMachineTokenRequestSchema, await signedMintRequest(key, this.#clock(), options));
    const lasting = serverName === undefined ? await sign() : undefined;
    const response = await call(async () => lasting ?? (await sign()), this.#minter.mintMachineToken, rest);
    return requireAudience(readMintResponse(toBinary(MintMachineTokenResponseSchema, response)), audience);
  }

  /** Gets a token with which others act for somebody. */
  mintDelegationToken(
    request: MessageInitShape<typeof MintDelegationTokenRequestSchema>,
    options: MintCallOptions = {},
  ): Promise<MintDelegationTokenResponse> {
    return call(() => request, this.#minter.mintDelegationToken, options);
  }

  /** Gets an access token of a project's service account. */
  mintProjectToken(
    request: MessageInitShape<typeof MintProjectTokenRequestSchema>,
    options: MintCallOptions = {},
  ): Promise<MintProjectTokenResponse> {
    return call(() => request, this.#minter.mintProjectToken, options);
  }

  /** Gets an access token or an ID token of a service account. */
  mintServiceAccountToken(
    request: MessageInitShape<typeof MintServiceAccountTokenRequestSchema>,
    options: MintCallOptions = {},
  ): Promise<MintServiceAccountTokenResponse> {
    return call(() => request, this.#minter.mintServiceAccountToken, options);
  }
}

async function call<Request, Response>(
  prepare: () => Request | Promise<Request>,
  send: (request: Request, options: CallOptions) => Promise<Response>,
  { headers, timeoutMs = DEFAULT_TIMEOUT_MS, ...budget }: MintCallOptions,
): Promise<Response> {
  const attempt = async (signal: AbortSignal, leftMs: number) => {
    const request = await prepare();
    try {
      return await send(request, {
        signal,
        timeoutMs: Math.max(1, Math.ceil(leftMs)),
        headers: new Headers(headers),
      });
    } catch (error) {
      throw fromRpcError(ConnectError.from(error), signal);
    }
  };
  return retry(attempt, { ...budget, timeoutMs });
}

/** Connect's codes have gRPC's numbers. A transport that knows better than the code says so by the error's cause. */
function fromRpcError(error: ConnectError, signal: AbortSignal): MintError {
  if (error.cause instanceof MintError) return error.cause;
  const isOurs = signal.aborted && error.code === Code.Canceled;
  const code = isOurs || isTransient(error.code) ? "UNAVAILABLE" : "REFUSED";
  return new MintError(code, error.message, { grpcCode: error.code, cause: error });
}
