import { describe, expect, it } from "vitest";
import { parseTokenFile } from "./token-file.js";

describe("attack 34: prototype pollution", () => {
  it.each([
    '{"__proto__": {"luci_machine_token": "t"}}',
    '{"constructor": {"prototype": {"luci_machine_token": "t"}}}',
    '{"luci_machine_token": "t", "__proto__": null}',
    '{"expiry": 1e400}',
    '{"expiry": "1e3"}',
    '\ufeff{"luci_machine_token": "t"}',
    '["luci_machine_token"]',
    "null",
  ])("a token file %j is another program's", (text) => {
    expect(() => parseTokenFile(text)).toThrow();
    expect(Reflect.get({}, "luci_machine_token")).toBeUndefined();
  });
});
