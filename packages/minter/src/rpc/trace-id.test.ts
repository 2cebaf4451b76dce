import { expect, it } from "vitest";
import { traceIdOf } from "./trace-id.js";

const id = "4bf92f3577b34da6a3ce929d0e0e4736";

it.each([
  [`00-${id}-00f067aa0ba902b7-01`, id],
  [`00-${id.toUpperCase()}-00f067aa0ba902b7-01`, "0".repeat(32)],
  [`00-${id}x-00f067aa0ba902b7-01`, "0".repeat(32)],
  ["", "0".repeat(32)],
])("the trace of %j is %s", (header, expected) => {
  expect(traceIdOf(new Headers(header === "" ? {} : { traceparent: header }))).toBe(expected);
});
