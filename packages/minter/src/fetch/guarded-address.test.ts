import { expect, it } from "vitest";
import { guardedAddresses, isPublicAddress, lookupOf } from "./guarded-address.js";

/** No time limit. */
const never = new AbortController().signal;

it.each(["8.8.8.8", "172.32.0.1", "2606:4700::1111"])("takes %s for public", (address) => {
  expect(isPublicAddress(address)).toBe(true);
});

it.each([
  "127.0.0.1",
  "10.0.0.1",
  "172.31.255.255",
  "192.168.1.1",
  "169.254.169.254",
  "100.100.100.200",
  "0.0.0.0",
  "255.255.255.255",
  "::1",
  "::",
  "fe80::1",
  "fd00:ec2::254",
  "::ffff:127.0.0.1",
  "::ffff:8.8.8.8",
  "64:ff9b::7f00:1",
  "2002:7f00:1::",
  "ff02::1",
  "files.example.com",
])("does not take %s for public", (address) => {
  expect(isPublicAddress(address)).toBe(false);
});

it("finds no address of a host that has a private one among its own, unless it is listed", async () => {
  const both = [
    { address: "8.8.8.8", family: 4 },
    { address: "10.0.0.1", family: 4 },
  ];
  const find = (hosts: string[]) =>
    guardedAddresses(new URL("https://a.example.com"), new Set(hosts), never, () => Promise.resolve(both));
  expect(await find([])).toBeUndefined();
  expect(await find(["a.example.com:444", "b.example.com:443"])).toBeUndefined();
  expect(await find(["a.example.com:443"])).toEqual(both);
});

it.each(["https://2130706433", "https://0x7f.1", "https://127.1", "https://[::ffff:7f00:1]", "https://[::1]"])(
  "sees through the spelling of %s",
  async (url) => {
    expect(await guardedAddresses(new URL(url), new Set(), never)).toBeUndefined();
  },
);

it("looks a name up once, and connects to what was found", async () => {
  const answers = ["8.8.8.8", "127.0.0.1"].map((address) => [{ address, family: 4 }]);
  const resolve = async () => answers.shift() ?? [];
  const found = await guardedAddresses(new URL("https://a.example.com"), new Set(), never, resolve);
  const lookup = lookupOf(found ?? []);
  for (const all of [true, false]) {
    const result = await new Promise((done) => lookup("a.example.com", { all }, (_, address) => done(address)));
    expect(result).toEqual(all ? [{ address: "8.8.8.8", family: 4 }] : "8.8.8.8");
  }
  expect(answers).toHaveLength(1);
});

it("waits for a name no longer than it may", async () => {
  const silent = () => new Promise<never>(() => {});
  for (const signal of [AbortSignal.abort(), AbortSignal.timeout(1)]) {
    await expect(guardedAddresses(new URL("https://a.example.com"), new Set(), signal, silent)).rejects.toThrow(
      "the time is up",
    );
  }
});
