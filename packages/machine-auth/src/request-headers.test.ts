import { IncomingMessage } from "node:http";
import { Socket } from "node:net";
import { describe, expect, it } from "vitest";
import { credentialsOf, rawValues, removeForgedHeaders, setHeaders } from "./request-headers.js";

/** A message as Node's parser leaves it. */
function messageOf(...raw: string[]): IncomingMessage {
  const message = new IncomingMessage(new Socket());
  message.rawHeaders = raw;
  // Node notes how many raw headers came, and makes its other views from them when they are first read.
  (message as unknown as { _addHeaderLines(lines: string[], count: number): void })._addHeaderLines(raw, raw.length);
  return message;
}

const credentials = (...raw: string[]) => credentialsOf(rawValues(messageOf(...raw)));

describe("credentialsOf", () => {
  it("reads each header with all its values, whatever its letters", () => {
    expect(
      credentials("X-Luci-Machine-Token", "a", "x-luci-machine-token", "b", "X-DELEGATION-TOKEN-V1", "c", "Host", "h"),
    ).toEqual({ machineTokens: ["a", "b"], delegationTokens: ["c"], projects: [] });
  });

  it("takes values apart that a proxy joined", () => {
    expect(credentials("X-Luci-Machine-Token", "a, b").machineTokens).toHaveLength(2);
    expect(credentials("X-Luci-Project", "a,").projects).toHaveLength(2);
  });

  it("does not take a value for a name", () => {
    expect(credentials("X-Other", "x-luci-project", "x-luci-project", "p").projects).toEqual(["p"]);
  });

  it("takes nothing from a twin", () => {
    expect(credentials("X_Luci_Machine_Token", "a")).toEqual({ machineTokens: [], delegationTokens: [], projects: [] });
  });
});

describe("removeForgedHeaders", () => {
  it("removes them from every view, and nothing else", () => {
    const message = messageOf("X-Tokens-Identity", "root", "Accept", "text/plain", "x_tokens_status", "Confirmed");
    removeForgedHeaders(message);
    expect(message.rawHeaders).toEqual(["Accept", "text/plain"]);
    expect(message.headers).toEqual({ accept: "text/plain" });
    expect({ ...message.headersDistinct }).toEqual({ accept: ["text/plain"] });
  });

  it("works on requests of HTTP/2, which have fewer views", () => {
    const request = { rawHeaders: ["x-tokens-peer", "root", "a", "b"], headers: { "x-tokens-peer": "root", a: "b" } };
    removeForgedHeaders(request);
    expect(request).toEqual({ rawHeaders: ["a", "b"], headers: { a: "b" } });
  });
});

it("setHeaders sets them in every view", () => {
  const message = messageOf("Accept", "text/plain");
  removeForgedHeaders(message);
  setHeaders(message, { "X-Tokens-Status": "Absent" });
  expect(message.rawHeaders.slice(-2)).toEqual(["X-Tokens-Status", "Absent"]);
  expect(message.headers["x-tokens-status"]).toBe("Absent");
  expect(message.headersDistinct["x-tokens-status"]).toEqual(["Absent"]);
});
