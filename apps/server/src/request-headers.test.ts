import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { RequestHeaders } from "./request-headers.js";

const read = { host: "a", "x-both": "1, 2", "set-cookie": ["a=1", "b=2"], traceparent: "" };
const real = () => {
  const headers = new Headers({ host: "a", "x-both": "1, 2", traceparent: "" });
  for (const cookie of read["set-cookie"]) headers.append("set-cookie", cookie);
  return headers;
};

const name = fc.constantFrom(
  "Host",
  "host",
  "X-BOTH",
  "set-cookie",
  "Traceparent",
  "x-new",
  "constructor",
  "__proto__",
);
const step = fc.oneof(
  fc.record({ name, does: fc.constant("delete" as const) }),
  fc.record({ name, does: fc.constantFrom("append" as const, "set" as const), value: fc.constantFrom("", "v", "w") }),
);

/** All that can be read of headers. */
function all(headers: Headers): unknown {
  const listed: unknown[] = [];
  headers.forEach((value, key, own) => listed.push([key, value, own === headers]));
  return [
    [...headers],
    [...headers.keys()],
    [...headers.values()],
    [...headers.entries()],
    listed,
    headers.getSetCookie(),
  ];
}

describe("the headers of a request", () => {
  it("are what real headers are, whatever is done with them", () => {
    const check = fc.property(fc.array(step, { maxLength: 4 }), fc.array(name), (steps, asked) => {
      const [ours, theirs] = [new RequestHeaders(read), real()];
      const compare = () => {
        for (const each of asked)
          expect([ours.get(each), ours.has(each)]).toEqual([theirs.get(each), theirs.has(each)]);
      };
      compare();
      for (const each of steps) {
        for (const headers of [ours, theirs]) {
          if (each.does === "delete") headers.delete(each.name);
          else headers[each.does](each.name, each.value);
        }
        compare();
      }
      expect(all(ours)).toEqual(all(theirs));
    });
    fc.assert(check);
  });

  it("can be copied into real ones", () => {
    const copied = new Headers(new RequestHeaders({ host: "a", "content-type": "application/proto" }));
    expect([...copied]).toEqual([
      ["content-type", "application/proto"],
      ["host", "a"],
    ]);
  });
});
