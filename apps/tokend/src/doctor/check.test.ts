import { expect, it } from "vitest";
import { fail, findingText, messageOf, pass, skip } from "./check.js";

it("shows what was found, and what to do", () => {
  expect(findingText(pass("dns", "fine"))).toBe("ok    dns                     fine\n");
  expect(findingText(skip("mint", "no key"))).toBe("-     mint                    no key\n");
  expect(findingText(fail("tcp", "refused", "start it"))).toBe(
    "FAIL  tcp                     refused\n      fix: start it\n",
  );
});

it("messageOf has words for everything that can be thrown", () => {
  expect([messageOf(new Error("words")), messageOf("text")]).toEqual(["words", "text"]);
});
