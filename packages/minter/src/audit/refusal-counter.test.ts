import { describe, expect, it } from "vitest";
import { networkOf, RefusalCounter } from "./refusal-counter.js";

describe("RefusalCounter", () => {
  it("says what was refused, how often, and from which networks", () => {
    const counter = new RefusalCounter();
    for (const peer of ["10.1.2.3", "10.1.2.99", "10.9.9.9"]) counter.count("MintMachineToken", "BAD_SIGNATURE", peer);
    counter.count("MintMachineToken", "BAD_TIMESTAMP", "2001:db8:1:2::3");
    expect(counter.take()?.columns).toEqual({
      refusals: [
        { method: "MintMachineToken", reason: "BAD_SIGNATURE", network: "10.1.2.0/24", count: 2 },
        { method: "MintMachineToken", reason: "BAD_SIGNATURE", network: "10.9.9.0/24", count: 1 },
        { method: "MintMachineToken", reason: "BAD_TIMESTAMP", network: "2001:db8:1::/48", count: 1 },
      ],
      others: 0,
    });
  });

  it("starts anew after each summary, and has none when nothing happened", () => {
    const counter = new RefusalCounter();
    expect(counter.take()).toBeUndefined();
    counter.count("m", "r", "");
    expect(counter.take()).toBeDefined();
    expect(counter.take()).toBeUndefined();
  });

  it("stays bounded when refusals come from everywhere, and still counts them all", () => {
    const counter = new RefusalCounter();
    for (let index = 0; index < 20_000; index++) counter.count("m", "r", `10.${index >> 8}.${index & 255}.1`);
    const summary = counter.take();
    if (!summary) throw new Error("no summary");
    const { refusals, others } = summary.columns as { refusals: { count: number }[]; others: number };
    expect(refusals.length).toBeLessThanOrEqual(500);
    expect(refusals.reduce((sum, { count }) => sum + count, others)).toBe(20_000);
  });
});

describe("networkOf", () => {
  it.each([
    ["192.0.2.77", "192.0.2.0/24"],
    ["::ffff:192.0.2.77", "192.0.2.0/24"],
    ["2001:db8::1", "2001:db8:0::/48"],
    ["fe80::1%eth0", "fe80:0:0::/48"],
    ["::1", "0:0:0::/48"],
    ["", "local"],
    ["not an address", "local"],
  ])("%s is in %s", (address, network) => {
    expect(networkOf(address)).toBe(network);
  });
});
