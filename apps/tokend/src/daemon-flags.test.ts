import { describe, expect, it } from "vitest";
import { daemonUsage, parseDaemonFlags } from "./daemon-flags.js";

const needed = ["-pkey-pem", "k", "-cert-pem", "c", "-backend", "b", "-token-file", "t"];

describe("parseDaemonFlags", () => {
  it("needs no more than a run", () => {
    const parsed = parseDaemonFlags(needed);
    expect(parsed).toMatchObject({
      kind: "run",
      flags: {
        flags: { key: "k", timeoutMs: 30_000, forceRefresh: false },
        hooks: { command: "", signal: undefined },
        metricsFile: "",
      },
    });
  });

  it("takes everything that can be said", () => {
    const more = [
      "-health-listen=unix:/run/t.sock",
      "-metrics-file=m",
      "-renew-command=reload x",
      "-renew-signal=SIGHUP:/p",
    ];
    expect(parseDaemonFlags([...needed, ...more, "-ts-mon-endpoint=file://x"])).toMatchObject({
      flags: {
        health: { path: "/run/t.sock" },
        hooks: { command: "reload x", signal: { name: "SIGHUP", pidFile: "/p" } },
        metricsFile: "m",
        flags: { metricsEndpoint: "file://x" },
      },
    });
  });

  it.each([
    [["-health-listen=9464"], "-health-listen must be HOST:PORT or unix:PATH"],
    [["-renew-signal=HUP"], "-renew-signal must be like SIGHUP:/run/app.pid"],
    [["-force-refresh"], "flag provided but not defined: -force-refresh"],
    [["-mode=x"], 'invalid value "x" for flag -mode: not a mode like 0640'],
  ])("refuses %j", (args, message) => {
    expect(parseDaemonFlags([...needed, ...args])).toEqual({ kind: "wrong", message });
  });
});

it("the usage names its flags", () => {
  for (const name of ["-backend", "-health-listen", "-renew-command", "SIGHUP"]) expect(daemonUsage()).toContain(name);
});
