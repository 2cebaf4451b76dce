import type { AddressInfo } from "node:net";
import fastify from "fastify";
import { expect, it } from "vitest";
import {
  type ConformanceOptions,
  describeMiddleware,
  everyHeader,
  seenCaller,
} from "../test/middleware-conformance.js";
import { callerOf, machineAuth } from "./fastify.js";

async function start(options: ConformanceOptions) {
  const app = fastify();
  app.addContentTypeParser("*", { parseAs: "string" }, (_request, body, done) => done(null, body));
  app.removeContentTypeParser("application/json");
  await app.register(machineAuth, options);
  app.post("/", (request) => {
    if (!request.caller) throw new Error("no caller");
    const { caller, raw, body } = request;
    return { caller: seenCaller(caller), headers: everyHeader(raw, request.headers), body };
  });
  await app.listen({ host: "127.0.0.1", port: 0 });
  return { port: (app.server.address() as AddressInfo).port, path: "/", close: () => app.close() };
}

describeMiddleware("Fastify", start);

it("protects the routes of the instance that it is registered with, and their children", async () => {
  const app = fastify();
  const trust = {
    current: () => expect.fail(),
    ready: () => expect.fail(),
    refresh: () => expect.fail(),
    close: () => undefined,
  };
  app.get("/open", () => "open");
  await app.register(async (child) => {
    await child.register(machineAuth, { trust });
    child.get("/closed", (request) => callerOf(request).identity);
    await child.register((grandchild) => Promise.resolve(void grandchild.get("/closed-too", () => "closed")));
  });
  expect((await app.inject("/open")).statusCode).toBe(200);
  expect((await app.inject("/closed")).statusCode).toBe(401);
  expect((await app.inject("/closed-too")).statusCode).toBe(401);
  await app.close();
});
