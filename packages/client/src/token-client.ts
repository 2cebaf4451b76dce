import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { type Client, ConnectError, createClient, type Transport } from "@connectrpc/connect";
import { MintMachineTokenRequestSchema, MintMachineTokenResponseSchema, TokenMinter } from "@tokens/api";
import { MintError } from "./errors.js";
import { isTransient } from "./grpc-code.js";
import type { MachineKey } from "./machine-key.js";
import { signedMintRequest } from "./machine-token-request.js";
import { type MintedMachineToken, readMintResponse } from "./mint-response.js";

/** Gets tokens over any Connect transport: Connect, gRPC, gRPC-Web or pRPC. */
export class TokenClient {
  readonly #minter: Client<typeof TokenMinter>;
  readonly #clock: () => number;

  /** `clock` is unix milliseconds. */
  constructor(transport: Transport, clock: () => number = Date.now) {
    this.#minter = createClient(TokenMinter, transport);
    this.#clock = clock;
  }

  /** Trades a machine's certificate for a token, in one attempt. Rejects with a MintError. */
  async mintMachineToken(
    key: MachineKey,
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<MintedMachineToken> {
    const request = fromBinary(MintMachineTokenRequestSchema, await signedMintRequest(key, this.#clock()));
    try {
      const response = await this.#minter.mintMachineToken(request, options);
      return readMintResponse(toBinary(MintMachineTokenResponseSchema, response));
    } catch (error) {
      throw error instanceof MintError ? error : fromRpcError(ConnectError.from(error));
    }
  }
}

/** Connect's codes have gRPC's numbers. A transport that knows better than the code says so by the error's cause. */
function fromRpcError(error: ConnectError): MintError {
  if (error.cause instanceof MintError) return error.cause;
  const code = isTransient(error.code) ? "UNAVAILABLE" : "REFUSED";
  return new MintError(code, error.message, { grpcCode: error.code, cause: error });
}
