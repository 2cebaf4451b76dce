import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { senderOf } from "./sender.js";

describe("senderOf", () => {
  it.each([
    ["198.51.100.7", "198.51.100.7"],
    ["", ""],
    ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
    ["2001:0DB8:1:2::9", "2001:db8:1:2::/64"],
    ["2001:db8::1", "2001:db8:0:0::/64"],
    ["2001:db8:1::2:3:4:5", "2001:db8:1:0::/64"],
    ["2001:db8::3:4:5:6:7", "2001:db8:0:3::/64"],
    ["::1", "0:0:0:0::/64"],
    ["::", "0:0:0:0::/64"],
    ["1::", "1:0:0:0::/64"],
    ["::3:4:5:6:7:8", "0:0:3:4::/64"],
    ["64:ff9b::192.0.2.1", "64:ff9b:0:0::/64"],
    ["::3:4:5:6:192.0.2.1", "0:0:3:4::/64"],
    ["fe80::1%eth0", "fe80:0:0:0::/64"],
  ])("takes %j for %j", (address, sender) => {
    expect(senderOf(address)).toBe(sender);
  });

  it("is the same for every spelling, and looks at the first 64 bits alone", () => {
    const group = fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 0xffff }));
    fc.assert(
      fc.property(fc.array(group, { minLength: 8, maxLength: 8 }), (groups) => {
        const long = groups.map((each) => each.toString(16).padStart(4, "0")).join(":");
        // As a browser's URL spells it: the longest run of zeros is left out.
        const short = new URL(`http://[${long}]`).hostname.slice(1, -1);
        const expected = `${groups
          .slice(0, 4)
          .map((each) => each.toString(16))
          .join(":")}::/64`;
        expect([senderOf(long), senderOf(short)]).toEqual([expected, expected]);
      }),
    );
  });
});
