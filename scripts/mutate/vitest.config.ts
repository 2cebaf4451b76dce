import { defineConfig } from "vitest/config";
import base from "../../vitest.config.js";

/** The tests that a change of the source must wake up: those that cover it, and no program that was built before. */
export default defineConfig({
  resolve: base.resolve ?? {},
  ssr: base.ssr ?? {},
  test: {
    ...base.test,
    projects: undefined,
    reporters: ["default"],
    include: (process.env["TOKENS_MUTATE_TESTS"] ?? "").split(" "),
  },
});
