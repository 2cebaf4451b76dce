import { describe, expect, it } from "vitest";
import { type FlagDefinitions, parseFlags, usage } from "./flag-parser.js";

const definitions: FlagDefinitions = {
  name: { type: "string", initial: "", meaning: "a name", required: true },
  copy: { type: "list", initial: "", meaning: "a copy; repeatable" },
  wait: { type: "duration", initial: "60s", meaning: "how long" },
  force: { type: "bool", initial: "false", meaning: "do it" },
  count: { type: "int", initial: "0", meaning: "how many" },
  mode: { type: "mode", initial: "0600", meaning: "permissions" },
};
const parse = (...args: string[]) => parseFlags(args, definitions);
const valuesOf = (...args: string[]) => {
  const parsed = parse("-name", "n", ...args);
  if (parsed.kind !== "run") throw new Error(JSON.stringify(parsed));
  return parsed.flags;
};

describe("parseFlags", () => {
  it("fills in what is not given", () => {
    const values = valuesOf();
    expect([values.text("name"), values.text("wait"), values.bool("force"), values.list("copy")]).toEqual([
      "n",
      "60s",
      false,
      [],
    ]);
    expect([values.duration("wait"), values.given, values.text("undefined")]).toEqual([60_000, ["name"], ""]);
  });

  it("takes one dash or two, a blank or an equals sign", () => {
    const values = valuesOf("--name=m", "--force", "-wait=1m30s", "-mode", "0640");
    expect([values.text("name"), values.bool("force"), values.duration("wait"), values.text("mode")]).toEqual([
      "m",
      true,
      90_000,
      "0640",
    ]);
  });

  it("keeps all of a list, and the last of everything else", () => {
    const values = valuesOf("-copy", "x", "-copy=y", "-name", "last");
    expect([values.list("copy"), values.text("name")]).toEqual([["x", "y"], "last"]);
  });

  it("takes a value that looks like a flag, and an equals sign inside of one", () => {
    expect([valuesOf("-copy", "-x").list("copy"), valuesOf("-name=a=b").text("name")]).toEqual([["-x"], "a=b"]);
  });

  it.each([["--"], ["-"], ["rest"]])("ignores everything from %s on", (stop) => {
    expect(valuesOf(stop, "-no-such-flag").text("name")).toBe("n");
  });

  it.each([["-h"], ["--help"], ["-help"]])("shows the usage for %s", (flag) => {
    expect(parse(flag)).toEqual({ kind: "help" });
  });

  it.each([
    [["-no-such-flag"], "flag provided but not defined: -no-such-flag"],
    [["-constructor=1"], "flag provided but not defined: -constructor"],
    [["---name=b"], "bad flag syntax: ---name=b"],
    [["-=b"], "bad flag syntax: -=b"],
    [["-name"], "flag needs an argument: -name"],
    [["-wait", "60"], 'invalid value "60" for flag -wait: not a duration like 60s or 1m30s'],
    [["-force=maybe"], 'invalid value "maybe" for flag -force: not true or false'],
    [["-force=constructor"], 'invalid value "constructor" for flag -force: not true or false'],
    [["-copy="], 'invalid value "" for flag -copy: empty'],
    [["-count=x"], 'invalid value "x" for flag -count: not a whole number'],
    [["-mode=640x"], 'invalid value "640x" for flag -mode: not a mode like 0640'],
    [["-mode=4755"], 'invalid value "4755" for flag -mode: not a mode like 0640'],
    [[], "-name is required"],
    [["-name="], "-name is required"],
  ])("refuses %j", (args, message) => {
    expect(parse(...args)).toEqual({ kind: "wrong", message });
  });
});

it("the usage names every flag, what it takes and what it is without it", () => {
  const text = usage("Usage of x:", definitions);
  expect(text).toContain("Usage of x:\n  -name string\n        a name (required)\n  -copy string\n");
  expect(text).toContain("  -force\n        do it (default false)\n");
});
