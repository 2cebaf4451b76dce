import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import * as client from "./index.js";
import * as machineKey from "./machine-key.js";
import * as machineToken from "./machine-token.js";
import * as pkcs11Key from "./pkcs11-key.js";
import * as prpcTransport from "./prpc-transport.js";
import * as schedule from "./schedule.js";
import * as tokenFile from "./token-file.js";

it("exports these names and no others", () => {
  const names = (entry: object) => Object.keys(entry).toSorted();
  expect(names(client)).toEqual([
    "DelegationTokens",
    "MachineKeyError",
    "MachineTokenSource",
    "MintError",
    "ProjectTokens",
    "ServiceAccountTokens",
    "TokenClient",
    "TokenFileSource",
    "fetchWithToken",
    "loadMachineKey",
    "tokenInterceptor",
  ]);
  expect(names(machineToken)).toEqual([
    "MachineKeyError",
    "MintError",
    "beginRequest",
    "loadMachineKey",
    "mintMachineToken",
    "proxyFor",
  ]);
  expect(names(machineKey)).toEqual(["MachineKeyError", "loadMachineKey", "readCertificate"]);
  expect(names(pkcs11Key)).toEqual(["MachineKeyError", "openPkcs11Key"]);
  expect(names(prpcTransport)).toEqual(["createPrpcTransport"]);
  expect(names(schedule)).toEqual([
    "MIN_LIFETIME_MS",
    "NO_TOKEN",
    "afterFailure",
    "afterSuccess",
    "decideRefresh",
    "isUsable",
    "lifeSince",
    "nextUpdateSeconds",
    "refreshAfterMs",
    "refreshWaitMs",
    "retryDelays",
    "splayOf",
  ]);
  expect(names(tokenFile)).toEqual(["parseTokenFile", "serializeTokenFile"]);
});

describe("lean entries", () => {
  const folder = fileURLToPath(new URL(".", import.meta.url));

  /** What a file of ours imports, and what its own imports import. */
  function importsOf(file: string, seen = new Set<string>()): Set<string> {
    const code = readFileSync(`${folder}${file}.ts`, "utf8");
    for (const [, name = ""] of code.matchAll(/(?:from |import\()"([^"]+)"/g)) {
      if (seen.has(name)) continue;
      seen.add(name);
      if (name.startsWith("./")) importsOf(name.slice(2, -3), seen);
    }
    return seen;
  }

  it.each(["machine-token", "machine-key", "schedule", "token-file"])(
    "%s imports nothing but Node and its own files",
    (entry) => {
      const foreign = [...importsOf(entry)].filter((name) => !/^node:|^\.\//.test(name));
      expect(foreign).toEqual([]);
    },
  );
});
