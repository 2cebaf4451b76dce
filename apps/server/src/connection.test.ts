import { expect, it } from "vitest";
import { repeatedHeaders } from "./connection.js";

it("names the headers that are there more than once, in any case", () => {
  const raw = ["Authorization", "a", "Accept", "b", "authorization", "c", "X", "d", "AUTHORIZATION", "e"];
  expect([...repeatedHeaders(raw)]).toEqual(["authorization"]);
  expect([...repeatedHeaders([])]).toEqual([]);
});
