import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { create, toBinary } from "@bufbuild/protobuf";
import { MintMachineTokenResponseSchema } from "@tokens/api";

/** What a {@link MinterStandIn} does with a call. */
export type Behaviour = "mint" | "unavailable" | "hang" | "refuse";

/**
 * Stands in for a token server where a test needs its clock or its failures: speaks pRPC and gives whoever asks a token
 * `token-<n>`.
 */
export interface MinterStandIn {
  readonly port: number;
  /** Calls so far. */
  calls: number;
  behaviour: Behaviour;
  /** Seconds that tokens live. */
  lifetime: number;
  /** Unix milliseconds. */
  clock: () => number;
  close(): void;
}

/** Starts one on a free loopback port. */
export async function startMinter(): Promise<MinterStandIn> {
  const minter = { port: 0, calls: 0, behaviour: "mint" as Behaviour, lifetime: 3600, clock: Date.now };
  const answer: RequestListener = (request, response) => {
    if (request.method !== "POST") return void response.end("OK\n");
    const call = ++minter.calls;
    if (minter.behaviour === "hang") return;
    if (minter.behaviour === "unavailable")
      return void response.writeHead(503, { "x-prpc-grpc-code": "14" }).end("down\n");
    const headers = { "x-prpc-grpc-code": "0", "content-type": "application/prpc; encoding=binary" };
    response.writeHead(200, headers).end(minter.behaviour === "refuse" ? refusal() : minted(call));
  };
  const refusal = () =>
    toBinary(MintMachineTokenResponseSchema, create(MintMachineTokenResponseSchema, { errorCode: 6 }));
  const minted = (call: number) => {
    const seconds = BigInt(Math.floor(minter.clock() / 1000) + minter.lifetime);
    const value = { machineToken: `token-${call}`, expiry: { seconds } };
    const tokenResponse = { serviceVersion: "stand-in/1", tokenType: { case: "luciMachineToken" as const, value } };
    return toBinary(MintMachineTokenResponseSchema, create(MintMachineTokenResponseSchema, { tokenResponse }));
  };
  const server = createServer((request, response) => void request.resume().on("end", () => answer(request, response)));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const close = () => {
    server.close();
    server.closeAllConnections();
  };
  return Object.assign(minter, { port: (server.address() as AddressInfo).port, close });
}
