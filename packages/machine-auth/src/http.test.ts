import { expect, it, onTestFinished } from "vitest";
import { startLocalServer } from "../test/local-server.js";
import {
  type ConformanceOptions,
  describeMiddleware,
  everyHeader,
  seenCaller,
} from "../test/middleware-conformance.js";
import { type CallerRequest, machineAuth } from "./http.js";
import { trustFromServer } from "./open-trust.js";

async function start(options: ConformanceOptions) {
  const protect = machineAuth(options as ConformanceOptions & { mode: "annotate" });
  const listener = protect((request, response) => {
    let body = "";
    request.on("data", (chunk: Buffer) => (body += chunk.toString()));
    request.on("end", () => {
      response.end(JSON.stringify({ caller: seenCaller(request.caller), headers: everyHeader(request), body }));
    });
  });
  return { ...(await startLocalServer(listener)), path: "/" };
}

describeMiddleware("node:http", start);

it("gives handlers a caller that is confirmed, unless they asked for any", () => {
  const trust = trustFromServer("https://tokens.example.com");
  onTestFinished(() => trust.close());
  const identityOf = (request: CallerRequest): string => request.caller.identity;
  const protect = machineAuth({ trust });
  const annotate = machineAuth({ trust, mode: "annotate" });
  expect(protect((request) => void identityOf(request))).toBeTypeOf("function");
  // @ts-expect-error -- the caller may be absent
  expect(annotate((request) => void identityOf(request))).toBeTypeOf("function");
});

it("refuses an unsafe trust URL when it is set up", () => {
  expect(() => machineAuth({ trust: "http://tokens.example.com" })).toThrow(TypeError);
});
