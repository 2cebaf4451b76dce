import { createPrivateKey } from "node:crypto";
import { BlockList } from "node:net";
import type { DescMethod, DescService, Message } from "@bufbuild/protobuf";
import { fromBinary, fromJsonString } from "@bufbuild/protobuf";
import { fromText } from "@bufbuild/protobuf/txtpb";
import { type Code, ConnectError, type ConnectRouter } from "@connectrpc/connect";
import { TokenMinter } from "@tokens/api";
import { Admin, CertificateAuthorities } from "@tokens/api/admin";
import { type ListenerName, localSigner, prpcHandler, startTokenServer, type TokenServer } from "@tokens/minter";
import { openSqliteStorage } from "@tokens/minter/sqlite";
import { readVector, vectorPolicy } from "shared-vectors";
import { tokenServerHandler } from "../src/http-handler.js";
import { listen, type Listener } from "../src/listener.js";
import { prometheusMetrics } from "../src/prometheus.js";
import { type Answer, type Exchange, recordedAnswer } from "./recorded-exchanges.js";

const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };

/** Our server with the configuration, the key and, if one is given, the clock of the recorded one. */
export async function openOurServer(clock?: string): Promise<TokenServer> {
  const text = (path: string) => readVector(path).toString("utf8");
  const revoked = {
    inForceUntilSeconds: Number.POSITIVE_INFINITY,
    has: (serial: Uint8Array) => ["5150", "7777"].includes(Buffer.from(serial).toString("hex")),
  };
  return startTokenServer({
    storage: await openSqliteStorage(":memory:"),
    appId: "example-token-server",
    serviceAccount: "minter@tokens.example.com",
    serviceVersion: "example-token-server/1.2.3",
    policySource: vectorPolicy,
    signer: localSigner(
      createPrivateKey(text("pki/keys/signing.key.pem")),
      text("pki/signing.cert.pem"),
      "5b45716cc9f8bcb27b814ef5aa1a29bb5e85ee12",
    ),
    revocations: { find: (ca) => (ca === "Example Fleet CA" ? revoked : undefined) },
    log: silent,
    ...(clock !== undefined && { clock: () => Date.parse(clock) }),
  });
}

/** Opens a port of 127.0.0.1 for a server. */
export function openPort(server: TokenServer, listener: ListenerName): Promise<Listener> {
  const handler = tokenServerHandler({
    server,
    metrics: prometheusMetrics(),
    isReady: () => true,
    listener,
    trustedProxies: new BlockList(),
  });
  return listen(handler, { host: "127.0.0.1", port: 0 });
}

/** A server whose handlers know only one thing at a time: what was answered in a recorded exchange. */
export interface RecordingPlayer {
  readonly server: TokenServer;
  /** What the handlers are to answer from now on. */
  play(exchange: Exchange): void;
  /** The request that the last handler got. */
  received(): Message | undefined;
}

/** Our server, its protocols, interceptors and limits, with handlers that answer as in a recording. */
export function playRecordings(ours: TokenServer): RecordingPlayer {
  let playing: Exchange | undefined;
  let received: Message | undefined;
  const handler = (method: DescMethod) => (request: Message) => {
    received = request;
    if (!playing) throw new Error("nothing is played");
    return readResult(method, recordedAnswer(playing));
  };
  const routes = (router: ConnectRouter) => {
    for (const service of [TokenMinter, Admin, CertificateAuthorities] as DescService[]) {
      for (const method of service.methods) router.rpc(method, handler(method) as never);
    }
  };
  return {
    server: { ...ours, routes, prpc: prpcHandler(routes, ours.routerOptions, silent) },
    play: (exchange) => {
      playing = exchange;
      received = undefined;
    },
    received: () => received,
  };
}

function readResult(method: DescMethod, answer: Answer): Message {
  const code = Number(answer.headers.get("x-prpc-grpc-code"));
  if (code !== 0) throw new ConnectError(answer.body.toString("utf8").trimEnd(), code satisfies Code);
  return decodeAnswer(method, answer);
}

/** Reads the message of an answer by its content type. */
export function decodeAnswer(method: DescMethod, { headers, body }: Answer): Message {
  const type = headers.get("content-type");
  if (type === "application/prpc; encoding=binary") return fromBinary(method.output, body);
  const text = body.toString("utf8");
  if (type === "application/prpc; encoding=text") return fromText(method.output, text);
  if (type !== "application/json" || !text.startsWith(")]}'\n")) throw new Error(`no message of pRPC: ${type}`);
  return fromJsonString(method.output, text.slice(5));
}
