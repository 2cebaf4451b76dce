import { createServer, type RequestListener, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { createPrivateKey, generateKeyPairSync } from "node:crypto";
import { create, toBinary } from "@bufbuild/protobuf";
import {
  connectNodeAdapter,
  universalRequestFromNodeRequest,
  universalResponseToNodeResponse,
} from "@connectrpc/connect-node";
import { createContextValues } from "@connectrpc/connect";
import { ErrorCode, MintMachineTokenResponseSchema } from "@tokens/api";
import { localSigner, PRPC_PREFIX, startTokenServer, type TokenServer, type TokenServerParts } from "@tokens/minter";
import { fixedTrust, trustFromDocument, type TrustSource } from "@tokens/machine-auth";
import { createSelfSignedCertificate, toPem } from "@tokens/pki/x509";
import { openSqliteStorage } from "@tokens/minter/sqlite";
import { readVector, vectorPolicy } from "shared-vectors";

/** A server on a free loopback port. */
export interface LoopbackServer {
  readonly port: number;
  close(): void;
}

/** Serves on a free port of 127.0.0.1. */
export async function listen(listener: RequestListener): Promise<LoopbackServer> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const close = () => {
    server.close();
    server.closeAllConnections();
  };
  return { port: (server.address() as AddressInfo).port, close };
}

const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };

/** The token server of the recorded runs: their keys, their policy, their revoked serials. */
export async function recordedServer(): Promise<RequestListener> {
  const text = (path: string) => readVector(path).toString("utf8");
  const certificate = text("pki/signing.cert.pem");
  const revoked = {
    inForceUntilSeconds: Number.POSITIVE_INFINITY,
    has: (serial: Uint8Array) => ["5150", "7777"].includes(Buffer.from(serial).toString("hex")),
  };
  const server = await startTokenServer({
    storage: await openSqliteStorage(":memory:"),
    appId: "example-token-server",
    serviceAccount: "minter@tokens.example.com",
    serviceVersion: "example-token-server/1.2.3",
    policySource: vectorPolicy,
    signer: localSigner(createPrivateKey(text("pki/keys/signing.key.pem")), certificate),
    revocations: { find: (ca) => (ca === "Example Fleet CA" ? revoked : undefined) },
    log: silent,
  });
  return answerAll(server);
}

/** A token server with a policy of its own and no revocation lists. */
export async function tokenServerOf(
  policySource: TokenServerParts["policySource"],
): Promise<{ listener: RequestListener; trust: TrustSource }> {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const [notBefore, notAfter] = [new Date(Date.now() - 3_600_000), new Date(Date.now() + 3_600_000)];
  const der = await createSelfSignedCertificate({ privateKey, commonName: "Signer", notBefore, notAfter });
  const server = await startTokenServer({
    storage: await openSqliteStorage(":memory:"),
    appId: "test",
    serviceAccount: "minter@tokens.example.com",
    serviceVersion: "test/1",
    policySource,
    signer: localSigner(privateKey, toPem("CERTIFICATE", der)),
    serverNames: () => new Set(["prod"]),
    log: silent,
  });
  const document = server.documents.get("/auth/api/v1/server/certificates")?.() ?? "";
  return { listener: answerAll(server), trust: fixedTrust(trustFromDocument(document)) };
}

/** Both protocols of the agent. */
function answerAll(server: TokenServer): RequestListener {
  const answerConnect = connectNodeAdapter({ routes: server.routes, ...server.routerOptions });
  const answerPrpc = async (...[request, response]: Parameters<RequestListener>) => {
    const call = universalRequestFromNodeRequest(request, response, undefined, createContextValues());
    await universalResponseToNodeResponse(await server.prpc(call), response);
  };
  return (request, response) => {
    if (!request.url?.startsWith(PRPC_PREFIX)) return answerConnect(request, response);
    answerPrpc(request, response).catch(() => request.destroy());
  };
}

type Answer = (response: ServerResponse) => void;

const ok = { "x-prpc-grpc-code": "0", "content-type": "application/prpc; encoding=binary" };
const respond =
  (bytes: Uint8Array): Answer =>
  (response) =>
    void response.writeHead(200, ok).end(bytes);
const minted = (expiry: { seconds: bigint; nanos?: number } | undefined) =>
  toBinary(
    MintMachineTokenResponseSchema,
    create(MintMachineTokenResponseSchema, {
      tokenResponse: {
        serviceVersion: "odd/1",
        tokenType: { case: "luciMachineToken", value: { machineToken: "odd-token", ...(expiry && { expiry }) } },
      },
    }),
  );
const inAnHour = () => BigInt(Math.floor(Date.now() / 1000) + 3600);
const failing =
  (status: number, code?: number): Answer =>
  (response) =>
    void response.writeHead(status, code === undefined ? {} : { "x-prpc-grpc-code": String(code) }).end("no\n");
const refusal = create(MintMachineTokenResponseSchema, { errorCode: ErrorCode.BAD_SIGNATURE });

/** What the odd server of the recorded runs answers. */
const ODD: Record<string, Answer> = {
  "success without token_response": respond(
    toBinary(MintMachineTokenResponseSchema, create(MintMachineTokenResponseSchema)),
  ),
  "success with an empty body": respond(new Uint8Array()),
  "success with an undecodable body": respond(Buffer.from("ffffffff", "hex")),
  "success without Content-Type": (response) =>
    void response.writeHead(200, { "x-prpc-grpc-code": "0" }).end(minted({ seconds: inAnHour() })),
  "token without expiry": respond(minted(undefined)),
  "expiry with nanoseconds": (response) => respond(minted({ seconds: inAnHour(), nanos: 999_999_999 }))(response),
  "expiry in the year 9999": respond(minted({ seconds: 253_402_300_799n })),
  "in-band error without a message": respond(toBinary(MintMachineTokenResponseSchema, refusal)),
  "X-Prpc-Grpc-Code 3, HTTP 400": failing(400, 3),
  "X-Prpc-Grpc-Code 16, HTTP 401": failing(401, 16),
  "X-Prpc-Grpc-Code 8, HTTP 429": failing(429, 8),
  "X-Prpc-Grpc-Code 13, HTTP 500": failing(500, 13),
  "X-Prpc-Grpc-Code 12, HTTP 200": failing(200, 12),
  "HTTP 404 without X-Prpc-Grpc-Code": failing(404),
  "HTTP 401 without X-Prpc-Grpc-Code": failing(401),
  "HTTP 503 without X-Prpc-Grpc-Code": failing(503),
  "redirect to the good server": (response) => void response.writeHead(302, { location: "http://127.0.0.1:1/" }).end(),
  // Long after any deadline here, so that a slow machine cannot make it answer in time.
  "answers after five seconds": (response) =>
    void setTimeout(() => respond(minted({ seconds: inAnHour() }))(response), 600_000).unref(),
  "success with a body of 40 MiB": respond(Buffer.alloc(40 * 1024 * 1024)),
};

/** A server that answers every request in one odd way. */
export function oddServer(name: string): RequestListener {
  const answer = ODD[name];
  if (!answer) throw new Error(`no such answer: ${name}`);
  return (request, response) => {
    request.resume();
    request.on("end", () => answer(response));
  };
}
