import { TokenMinter } from "@tokens/api";
import { Operator } from "@tokens/api/admin";
import { expect, it } from "vitest";
import { MethodCollector } from "./method-collector.js";

it("remembers unary methods by path, the last registration of each, with the options of both", () => {
  const collector = new MethodCollector("/x/", { readMaxBytes: 1, writeMaxBytes: 2 });
  collector.service(TokenMinter, {}).rpc(TokenMinter.method.mintMachineToken, () => ({}), { readMaxBytes: 3 });
  collector.service(Operator, {});
  const paths = [...collector.methods.keys()];
  expect(paths).toContain("/x/tokenserver.minter.TokenMinter/MintDelegationToken");
  expect(collector.methods.get("/x/tokenserver.minter.TokenMinter/MintMachineToken")?.options).toEqual({
    readMaxBytes: 3,
    writeMaxBytes: 2,
  });
  const streaming = Operator.methods.filter(({ methodKind }) => methodKind !== "unary").map(({ name }) => name);
  expect(streaming).not.toEqual([]);
  expect(paths.filter((path) => streaming.some((name) => path.endsWith(`/${name}`)))).toEqual([]);
});
