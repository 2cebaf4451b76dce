import { create, toBinary } from "@bufbuild/protobuf";
import { AnySchema } from "@bufbuild/protobuf/wkt";
import { expect, it } from "vitest";
import { errorDetails } from "./prpc-details.js";

const value = Uint8Array.of(8, 1);
const detail = (typeUrl: string) =>
  Buffer.from(toBinary(AnySchema, create(AnySchema, { typeUrl, value }))).toString("base64");

it.each<[string, string | string[] | undefined, string[]]>([
  ["no header", undefined, []],
  ["an empty header", "", []],
  ["one detail", detail("type.googleapis.com/a.B"), ["a.B"]],
  ["a type without a host", detail("a.B"), ["a.B"]],
  ["details joined by commas", `${detail("x/a.B")}, ${detail("x/c.D")},${detail("x/e.F")}`, ["a.B", "c.D", "e.F"]],
  ["a header that is there twice", [detail("x/a.B"), detail("x/c.D")], ["a.B", "c.D"]],
  ["a detail that cannot be read", `/w==,${detail("x/a.B")}`, ["a.B"]],
])("reads %s", (_, header, types) => {
  const details = errorDetails({ "x-prpc-status-details-bin": header });
  expect(details.map((each) => ("type" in each ? each.type : undefined))).toEqual(types);
});
