import { describe, expect, it } from "vitest";
import { crlSettings } from "./crl-settings.js";
import { UsageError } from "./exit-code.js";
import { readSettings } from "./settings.js";

const settingsOf = (flags: Record<string, string | string[]>) =>
  crlSettings(readSettings({ config: "c", data: "d", ...flags }, {}, undefined));

describe("crlSettings", () => {
  it("reads ages and sizes", () => {
    expect(settingsOf({ "crl-max-age": "1h30m", "crl-max-bytes": "1000" })).toMatchObject({
      terms: { maxAgeSeconds: 5400 },
      maxBytes: 1000,
    });
    expect(settingsOf({})).toEqual({ hosts: new Set(), terms: {} });
  });

  it.each<[string, Record<string, string | string[]>]>([
    ["a host without a port", { "allow-crl-host": ["127.0.0.1"] }],
    ["an age without a unit", { "crl-max-age": "3600" }],
    ["a size with a unit", { "crl-max-bytes": "1MB" }],
  ])("refuses %s", (_, flags) => {
    expect(() => settingsOf(flags)).toThrow(UsageError);
  });
});
