import express, { type Request } from "express";
import { describe, expect, it } from "vitest";
import { startLocalServer } from "../test/local-server.js";
import {
  type ConformanceOptions,
  describeMiddleware,
  everyHeader,
  seenCaller,
} from "../test/middleware-conformance.js";
import { callerOf, machineAuth } from "./express.js";

async function start(options: ConformanceOptions) {
  const app = express();
  app.use(machineAuth(options), express.text({ type: () => true }));
  app.post("/", (request, response) => {
    const { caller } = request;
    if (!caller) throw new Error("no caller");
    response.json({ caller: seenCaller(caller), headers: everyHeader(request), body: request.body as string });
  });
  app.use((_error: unknown, _request: Request, response: express.Response, _next: express.NextFunction) => {
    response.sendStatus(500);
  });
  return { ...(await startLocalServer(app)), path: "/" };
}

describeMiddleware("Express", start);

describe("callerOf", () => {
  it("throws where no caller is confirmed", () => {
    expect(() => callerOf({})).toThrow("no machineAuth looked at this request");
    expect(() => callerOf({ caller: { status: "absent" } })).toThrow("not confirmed");
    const caller = { status: "confirmed" as const, identity: "bot:a", peer: "bot:a" };
    expect(callerOf({ caller }).identity).toBe("bot:a");
  });
});
