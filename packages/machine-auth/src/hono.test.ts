import { type HttpBindings, serve } from "@hono/node-server";
import { Hono } from "hono";
import { expect, it } from "vitest";
import {
  type ConformanceOptions,
  describeMiddleware,
  everyHeader,
  seenCaller,
} from "../test/middleware-conformance.js";
import { makeTokenIssuer, ISSUED_AT } from "../test/token-issuer.js";
import { type CallerVariables, machineAuth } from "./hono.js";
import type { Authentication } from "./authenticate.js";
import { fixedTrust } from "./trust-source.js";

async function start(options: ConformanceOptions) {
  const app = new Hono<{ Bindings: HttpBindings } & CallerVariables<Authentication>>();
  app.use(machineAuth({ ...options, mode: options.mode ?? "enforce" } as ConformanceOptions & { mode: "annotate" }));
  app.post("/", async (context) => {
    const caller = seenCaller(context.var.caller);
    const headers = everyHeader(context.env.incoming, context.req.header());
    return context.json({ caller, headers, body: await context.req.text() });
  });
  app.onError((_error, context) => context.text("an error", 500));
  const server = await new Promise<ReturnType<typeof serve>>((resolve) => {
    const starting = serve({ fetch: app.fetch, hostname: "127.0.0.1", port: 0 }, () => resolve(starting));
  });
  const address = server.address();
  const port = typeof address === "object" && address ? address.port : 0;
  return { port, path: "/", close: () => new Promise<void>((resolve) => void server.close(() => resolve())) };
}

describeMiddleware("Hono", start);

it("works where there is no request of Node, and headers cannot be changed", async () => {
  const issuer = await makeTokenIssuer();
  const app = new Hono();
  app.use(machineAuth({ trust: fixedTrust(issuer.trust), clock: () => ISSUED_AT * 1000, identityHeaders: true }));
  app.post("/", async (context) => context.json([context.req.header("x-tokens-identity"), await context.req.text()]));
  const headers = { "x-luci-machine-token": issuer.token(), "x-tokens-identity": "user:root@example.com" };
  const request = new Request("http://localhost/", { method: "POST", body: "hello", headers });
  for (const change of ["delete", "set", "append"] as const) {
    Object.defineProperty(request.headers, change, {
      value: () => {
        throw new TypeError("immutable");
      },
    });
  }
  const answer = await app.request(request);
  expect([answer.status, await answer.json()]).toEqual([200, ["bot:host-1.example.com", "hello"]]);
});
