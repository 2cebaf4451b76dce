import { createServer, type ServerHttp2Session } from "node:http2";
import type { AddressInfo } from "node:net";
import { createServer as createHttpServer } from "node:http";
import { Code, ConnectError, createClient, type ConnectRouter } from "@connectrpc/connect";
import { connectNodeAdapter, createGrpcTransport } from "@connectrpc/connect-node";
import { Admin } from "@tokens/api/admin";
import { describe, expect, it } from "vitest";
import { type ConformanceOptions, describeMiddleware, seenCaller } from "../test/middleware-conformance.js";
import { ISSUED_AT, makeTokenIssuer } from "../test/token-issuer.js";
import { callerKey, callerOf, machineAuth } from "./connect.js";
import { TrustUnavailable } from "./errors.js";
import { fixedTrust } from "./trust-source.js";

/** An RPC that answers with what it saw. */
const routes = (router: ConnectRouter) =>
  router.service(Admin, {
    importCAConfigs: (_request, context) => {
      const caller = context.values.get(callerKey);
      if (!caller) throw new Error("no caller");
      const headers = Object.fromEntries(context.requestHeader);
      return { revision: JSON.stringify({ caller: seenCaller(caller), headers, body: "{}" }) };
    },
  });

async function start(options: ConformanceOptions) {
  const server = createHttpServer(connectNodeAdapter({ routes, interceptors: [machineAuth(options)] }));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return { port: (server.address() as AddressInfo).port, path: "/tokenserver.admin.Admin/ImportCAConfigs", close };
}

describeMiddleware("Connect", start);

describe("machineAuth for gRPC", () => {
  it("lets machines in and ends other calls with the codes of gRPC", async () => {
    const issuer = await makeTokenIssuer();
    const trust = { ...fixedTrust(issuer.trust) };
    const groups = () => false;
    const interceptors = [machineAuth({ trust, clock: () => ISSUED_AT * 1000, groups })];
    const server = createServer(connectNodeAdapter({ routes, interceptors }));
    const sessions = new Set<ServerHttp2Session>();
    server.on("session", (session) => sessions.add(session));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const transport = createGrpcTransport({ baseUrl });
    const call = (headers: Record<string, string>) => createClient(Admin, transport).importCAConfigs({}, { headers });
    const failure = (headers: Record<string, string>) => call(headers).then(() => undefined, ConnectError.from);

    const good = { "x-luci-machine-token": issuer.token() };
    expect(JSON.parse((await call(good)).revision)).toMatchObject({ caller: { identity: "bot:host-1.example.com" } });
    const absent = await failure({});
    expect([absent?.code, absent?.metadata.get("www-authenticate")]).toEqual([
      Code.Unauthenticated,
      'MachineToken realm="machines"',
    ]);
    expect((await failure({ "x-luci-machine-token": "hello" }))?.metadata.get("www-authenticate")).toContain(
      "MALFORMED",
    );
    expect((await failure({ ...good, "x-luci-project": "infra" }))?.code).toBe(Code.PermissionDenied);
    trust.ready = () => Promise.reject(new TrustUnavailable("STALE", ""));
    const unavailable = await failure(good);
    expect([unavailable?.code, unavailable?.metadata.get("retry-after")]).toEqual([Code.Unavailable, "5"]);
    await new Promise<void>((resolve) => {
      server.close(() => resolve());
      for (const session of sessions) session.destroy();
    });
  });

  it("has no caller where it did not run", () => {
    const values = { get: () => undefined, set: () => values, delete: () => values } as never;
    expect(() => callerOf(values)).toThrow("no machineAuth looked at this request");
  });
});
