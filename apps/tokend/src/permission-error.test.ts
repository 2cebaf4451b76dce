import { expect, it } from "vitest";
import { isPermissionError } from "./permission-error.js";

it("isPermissionError knows the two codes", () => {
  const coded = (code: string) => Object.assign(new Error(code), { code });
  expect([coded("EACCES"), coded("EPERM"), coded("ENOENT"), "EPERM"].map(isPermissionError)).toEqual([
    true,
    true,
    false,
    false,
  ]);
});
