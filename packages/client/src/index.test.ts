import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import * as client from "./index.js";
import * as machineToken from "./machine-token.js";
import * as prpcTransport from "./prpc-transport.js";

it("exports these names and no others", () => {
  expect(Object.keys(client).toSorted()).toEqual(["MachineKeyError", "MintError", "TokenClient", "loadMachineKey"]);
  expect(Object.keys(machineToken).toSorted()).toEqual([
    "MachineKeyError",
    "MintError",
    "loadMachineKey",
    "mintMachineToken",
  ]);
  expect(Object.keys(prpcTransport)).toEqual(["createPrpcTransport"]);
});

it("has a lean entry that imports nothing but Node and its own files", () => {
  const folder = fileURLToPath(new URL(".", import.meta.url));
  const files = [
    "machine-token",
    "machine-key",
    "pem-block",
    "signature-algorithm",
    "machine-token-request",
    "mint-response",
    "post-unary",
    "post-bytes",
    "connect-unary",
    "prpc-unary",
    "retry",
    "errors",
    "grpc-code",
    "proto-wire",
  ];
  const found = execFileSync(
    "grep",
    ["-hoE", 'from "[^"]+"|import\\("[^"]+"\\)', ...files.map((file) => `${folder}${file}.ts`)],
    { encoding: "utf8" },
  );
  const names = [...found.matchAll(/"([^"]+)"/g)].map((match) => match[1] ?? "");
  const own = files.map((file) => `./${file}.js`);
  expect(names.filter((name) => !name.startsWith("node:") && !own.includes(name))).toEqual([]);
});
