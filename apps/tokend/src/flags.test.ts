import { describe, expect, it } from "vitest";
import { parseFlags, usage } from "./flags.js";

const needed = ["-pkey-pem", "k", "-cert-pem", "c", "-backend", "b", "-token-file", "t"];
const flagsOf = (args: string[]) => {
  const parsed = parseFlags(args);
  if (parsed.kind !== "run") throw new Error(JSON.stringify(parsed));
  return parsed.flags;
};

describe("parseFlags", () => {
  it("fills in what is not given", () => {
    expect(flagsOf(needed)).toEqual({
      keyFile: "k",
      certificateFile: "c",
      backend: "b",
      tokenFile: "t",
      tokenFileCopies: [],
      statusFile: "",
      timeoutMs: 60_000,
      forceRefresh: false,
    });
  });

  it("takes one dash or two, a blank or an equals sign", () => {
    const args = [
      "--pkey-pem=k",
      "-cert-pem=c",
      "--backend",
      "b",
      "-token-file",
      "t",
      "--force-refresh",
      "-timeout=1m30s",
    ];
    expect(flagsOf(args)).toMatchObject({ keyFile: "k", forceRefresh: true, timeoutMs: 90_000 });
  });

  it("keeps all copies, and the last of everything else", () => {
    const args = [...needed, "-token-file-copy", "x", "-token-file-copy=y", "-token-file", "last"];
    expect(flagsOf(args)).toMatchObject({ tokenFileCopies: ["x", "y"], tokenFile: "last" });
  });

  it("takes a value that looks like a flag, and an equals sign inside of one", () => {
    expect(flagsOf([...needed, "-status-file", "-x", "-backend=a=b"])).toMatchObject({
      statusFile: "-x",
      backend: "a=b",
    });
  });

  it.each([["--"], ["-"], ["rest"]])("ignores everything from %s on", (stop) => {
    expect(flagsOf([...needed, stop, "-no-such-flag"]).backend).toBe("b");
  });

  it("accepts LUCI's flags for its monitoring", () => {
    const args = [
      "-ts-mon-endpoint",
      "e",
      "-ts-mon-flush-interval=2m",
      "-ts-mon-task-number",
      "3",
      "-ts-mon-autogen-hostname",
    ];
    expect(flagsOf([...needed, ...args]).backend).toBe("b");
  });

  it.each([["-h"], ["--help"], ["-help"]])("shows the usage for %s", (flag) => {
    expect(parseFlags([flag])).toEqual({ kind: "help" });
  });

  it.each([
    [["-no-such-flag"], "flag provided but not defined: -no-such-flag"],
    [["-constructor=1"], "flag provided but not defined: -constructor"],
    [["---backend=b"], "bad flag syntax: ---backend=b"],
    [["-=b"], "bad flag syntax: -=b"],
    [["-backend"], "flag needs an argument: -backend"],
    [["-timeout", "60"], 'invalid value "60" for flag -timeout: not a duration like 60s or 1m30s'],
    [["-force-refresh=maybe"], 'invalid value "maybe" for flag -force-refresh: not true or false'],
    [["-force-refresh=constructor"], 'invalid value "constructor" for flag -force-refresh: not true or false'],
    [["-token-file-copy="], 'invalid value "" for flag -token-file-copy: empty'],
    [["-ts-mon-task-number=x"], 'invalid value "x" for flag -ts-mon-task-number: not a whole number'],
    [[], "-pkey-pem is required"],
    [["-pkey-pem=k"], "-cert-pem is required"],
    [["-pkey-pem=k", "-cert-pem=c"], "-backend is required"],
    [["-pkey-pem=k", "-cert-pem=c", "-backend=b"], "-token-file is required"],
    [[...needed, "-backend="], "-backend is required"],
  ])("refuses %j", (args, message) => {
    expect(parseFlags(args)).toEqual({ kind: "wrong", message });
  });
});

it("the usage names every flag", () => {
  for (const name of ["pkey-pem", "token-file-copy", "timeout", "ts-mon-flush"])
    expect(usage()).toContain(`  -${name}`);
});
