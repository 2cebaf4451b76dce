import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { credentialHeaders } from "./caller-credential.js";
import { UsageError } from "./exit-code.js";

let folder: string;
beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), "credential-"))));
afterAll(() => rmSync(folder, { recursive: true }));

function file(text: string): string {
  const path = join(folder, "credential");
  writeFileSync(path, text);
  return path;
}

describe("credentialHeaders", () => {
  it("reads a bearer token from a file, or from the environment", () => {
    expect(credentialHeaders({ bearerFile: file("a.b.c\n") }, {})).toEqual({ authorization: "Bearer a.b.c" });
    expect(credentialHeaders({}, { TOKENS_BEARER: "a.b.c" })).toEqual({ authorization: "Bearer a.b.c" });
  });

  it("reads a machine token, bare or in a token file", () => {
    const expected = { "x-luci-machine-token": "token" };
    expect(credentialHeaders({ machineTokenFile: file("token\n") }, { TOKENS_BEARER: "x" })).toEqual(expected);
    const tokenFile = JSON.stringify({ luci_machine_token: "token", expiry: "1" });
    expect(credentialHeaders({ machineTokenFile: file(tokenFile) }, {})).toEqual(expected);
  });

  it.each([
    ["nothing", () => ({}), /who are you/],
    ["an empty file", () => ({ bearerFile: file(" \n") }), /who are you/],
    ["two credentials", () => ({ bearerFile: "a", machineTokenFile: "b" }), /and not both/],
    ["a missing file", () => ({ bearerFile: join(folder, "none") }), /cannot read/],
    ["a token file without a token", () => ({ machineTokenFile: file("{}") }), /holds no luci_machine_token/],
    ["broken JSON", () => ({ machineTokenFile: file("{") }), /neither a machine token/],
  ])("takes %s for wrong usage", (_, options, message) => {
    const read = () => credentialHeaders(options(), {});
    expect(read).toThrow(UsageError);
    expect(read).toThrow(message);
  });
});
