import { describe, expect, it } from "vitest";
import { oneShotUsage, parseOneShotFlags } from "./flags.js";

const needed = ["-pkey-pem", "k", "-cert-pem", "c", "-backend", "b", "-token-file", "t"];
const flagsOf = (...args: string[]) => {
  const parsed = parseOneShotFlags([...needed, ...args]);
  if (parsed.kind !== "run") throw new Error(JSON.stringify(parsed));
  return parsed.flags;
};

describe("parseOneShotFlags", () => {
  it("fills in what is not given", () => {
    expect(flagsOf()).toEqual({
      key: "k",
      passphrase: "",
      certificateFile: "c",
      backend: "b",
      protocol: "prpc",
      caFile: "",
      serverName: "",
      audience: [],
      tokenFile: "t",
      tokenFileCopies: [],
      statusFile: "",
      mode: 0o600,
      gid: undefined,
      followLinks: false,
      strictPermissions: false,
      timeoutMs: 60_000,
      forceRefresh: false,
      splayMs: 0,
      metricsEndpoint: "",
      ignored: [],
    });
  });

  it("takes everything that can be said", () => {
    const flags = flagsOf(
      "-mode",
      "640",
      "-group=0",
      "-follow",
      "-strict-permissions",
      "-splay=5m",
      "-protocol=connect",
    );
    expect(flags).toMatchObject({ mode: 0o640, gid: 0, followLinks: true, strictPermissions: true, splayMs: 300_000 });
    expect(flags.protocol).toBe("connect");
  });

  it("accepts LUCI's flags for its monitoring, and knows which of them mean nothing", () => {
    const args = ["-ts-mon-endpoint", "file://m", "-ts-mon-flush-interval=2m", "-ts-mon-task-number", "3"];
    expect(flagsOf(...args, "-ts-mon-autogen-hostname")).toMatchObject({
      metricsEndpoint: "file://m",
      ignored: ["ts-mon-flush-interval", "ts-mon-task-number", "ts-mon-autogen-hostname"],
    });
  });

  it.each<[string[], RegExp]>([
    [["-protocol=soap"], /-protocol must be prpc, connect or grpc/],
    [["-group=no-such-group-here"], /-group: .*no group/],
    [["-pkey-pem=-----BEGIN PRIVATE KEY-----"], /names where the key is/],
    [["-backend="], /-backend is required/],
  ])("refuses %j", (args, message) => {
    expect(parseOneShotFlags([...needed, ...args])).toMatchObject({
      kind: "wrong",
      message: expect.stringMatching(message) as string,
    });
  });

  it("asks for the required flags in LUCI's order", () => {
    const missing = [0, 2, 4, 6].map((count) => parseOneShotFlags(needed.slice(0, count)));
    expect(missing.map((parsed) => parsed.kind === "wrong" && parsed.message)).toEqual(
      ["pkey-pem", "cert-pem", "backend", "token-file"].map((name) => `-${name} is required`),
    );
  });
});

it("the usage names every flag, and the subcommands", () => {
  for (const name of [
    "-pkey-pem",
    "-token-file-copy",
    "-timeout",
    "-ts-mon-flush",
    "-mode",
    "tokend run",
    "tokend doctor",
  ])
    expect(oneShotUsage()).toContain(name);
});
