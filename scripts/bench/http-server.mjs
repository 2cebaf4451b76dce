// Answers every MintMachineToken with the same response, in one of three ways; says where it listens.
import { createServer } from "node:http";
import { BlockList } from "node:net";
import { create, toBinary } from "@bufbuild/protobuf";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { MintMachineTokenResponseSchema, TokenMinter } from "@tokens/api";

const method = TokenMinter.method.mintMachineToken;
const response = create(MintMachineTokenResponseSchema, {
  serviceVersion: "tokens/0.1.0",
  tokenResponse: {
    serviceVersion: "tokens/0.1.0",
    tokenType: {
      case: "luciMachineToken",
      value: { machineToken: "t".repeat(540), expiry: { seconds: 1_800_000_000n, nanos: 0 } },
    },
  },
});
const routes = (router) => router.service(TokenMinter, {}).rpc(method, () => response);

/** The floor: reads the body, answers the same bytes. */
function rawServer() {
  const bytes = Buffer.from(toBinary(MintMachineTokenResponseSchema, response));
  const headers = { "content-type": "application/proto", "content-length": bytes.length };
  return createServer((request, answer) => {
    const chunks = [];
    request.on("data", (chunk) => chunks.push(chunk));
    request.on("end", () => answer.writeHead(200, headers).end(bytes));
  });
}

const listening = (server) =>
  new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server.address().port)));

/** Our server with all that stands before a handler. */
async function ourPort() {
  const { startTokenServer } = await import("@tokens/minter");
  const { decodeMintRequest, directMethods, encodeMintResponse } = await import("@tokens/minter/testing");
  const { policyOfFiles } = await import("@tokens/minter/policy");
  const { openSqliteStorage } = await import("@tokens/minter/sqlite");
  const { listen } = await import("@tokens/server/dist/listener.js");
  const { tokenServerHandler } = await import("@tokens/server/dist/http-handler.js");
  const { portGuard } = await import("@tokens/server/dist/port-guard.js");
  const { prometheusMetrics } = await import("@tokens/server/dist/prometheus.js");
  const quiet = () => undefined;
  const server = await startTokenServer({
    storage: await openSqliteStorage(":memory:"),
    appId: "bench",
    serviceAccount: "tokens@example.com",
    serviceVersion: "tokens/0.1.0",
    policySource: policyOfFiles({}),
    log: { info: quiet, warn: quiet, error: quiet },
  });
  const metrics = prometheusMetrics();
  const parts = {
    metrics,
    isReady: () => true,
    listener: "public",
    trustedProxies: new BlockList(),
  };
  const direct = directMethods(routes, server.routerOptions, [
    { method, decode: decodeMintRequest, encode: encodeMintResponse },
  ]);
  const handler = tokenServerHandler({ ...parts, server: { ...server, routes, direct } });
  const { port } = await listen(handler, { host: "127.0.0.1", port: 0 }, undefined, portGuard(10_000, metrics));
  return port;
}

const kinds = {
  raw: () => listening(rawServer()),
  ours: ourPort,
  connect: () => listening(createServer(connectNodeAdapter({ routes }))),
};
process.send({ port: await kinds[process.argv[2]]() });

// Nobody is left to stop it when the benchmark fails.
process.once("disconnect", () => process.exit());
