import { describe, expect, it } from "vitest";
import { DerReader } from "./der.js";
import { MalformedInput } from "./errors.js";
import { readGeneralName } from "./general-name.js";
import { readNameConstraints, whyNamesForbidden } from "./name-constraints.js";
import { context, generalName, implicit, integer, sequence } from "./testing.js";

const names = (...written: string[]) =>
  written.map((name) => readGeneralName(new DerReader(generalName(name)), "x")).flatMap((name) => name ?? []);

/** Whether a name keeps a permitted base, and whether an excluded base catches it. */
function permitted(name: string, ...bases: string[]): boolean {
  return whyNamesForbidden({ permitted: names(...bases), excluded: [] }, names(name)) === undefined;
}
function excluded(name: string, ...bases: string[]): boolean {
  return whyNamesForbidden({ permitted: [], excluded: names(...bases) }, names(name)) !== undefined;
}

const inside: [name: string, base: string][] = [
  ["dns:example.com", "dns:example.com"],
  ["dns:a.b.example.com", "dns:example.com"],
  ["dns:HOST.Example.com", "dns:eXample.com"],
  ["dns:anything.at.all", "dns:"],
  ["dns:*.example.com", "dns:example.com"],
  ["dns:*.a.example.com", "dns:example.com"],
  ["dns:under_score.example.com", "dns:example.com"],
  ["email:a@example.com", "email:example.com"],
  ["email:a@EXAMPLE.com", "email:example.com"],
  ["email:a@host.example.com", "email:.example.com"],
  ["email:First.Last@example.com", "email:First.Last@EXAMPLE.com"],
  ['email:"First Last"@example.com', "email:example.com"],
  ['email:"\\First.L@st"@example.com', 'email:"First.L@\\st"@example.com'],
  ['email:"first"@example.com', "email:first@example.com"],
  ["uri:https://host.example.com/x", "uri:host.example.com"],
  ["uri:http://user:word@a.example.com:8080?q", "uri:.example.com"],
  ["uri:HTTP://A.EXAMPLE.COM#x", "uri:.example.com"],
  ["ip:c0000201", "ip:c0000200ffffff00"],
  ["ip:c0000201", "ip:0000000000000000"],
  ["ip:20010db8000000000000000000000001", "ip:20010db8000000000000000000000000ffffffff000000000000000000000000"],
  ["directory:O=Example/CN=a", "directory:O=Example"],
  ["directory:O= example  /OU=x/CN=a", "directory:O=EXAMPLE/OU=X"],
  ["directory:CN=a", "directory:"],
];

const outside: [name: string, base: string][] = [
  ["dns:evilexample.com", "dns:example.com"],
  ["dns:com", "dns:example.com"],
  ["dns:example.com.evil.net", "dns:example.com"],
  ["dns:example.net", "dns:example.com"],
  ["email:a@host.example.com", "email:example.com"],
  ["email:a@example.com", "email:.example.com"],
  ["email:first.last@example.com", "email:First.Last@example.com"],
  ['email:"a@example.com"@example.net', "email:example.com"],
  ["uri:https://a.example.com/", "uri:example.com"],
  ["uri:https://example.com/", "uri:.example.com"],
  ["uri:https://evil.net/@example.com", "uri:example.com"],
  ["uri:https://evil.net#@example.com", "uri:example.com"],
  ["ip:c0000301", "ip:c0000200ffffff00"],
  ["ip:c0000201", "ip:20010db8000000000000000000000000ffffffff000000000000000000000000"],
  ["directory:O=Other/CN=a", "directory:O=Example"],
  ["directory:CN=a/O=Example", "directory:O=Example"],
  ["directory:O=Example", "directory:O=Example/CN=a"],
];

/** Names that cannot be placed: neither permitted nor clear of what is excluded. */
const unclear: [name: string, base: string][] = [
  ["dns:exa mple.com", "dns:example.com"],
  ["dns:.example.com", "dns:example.com"],
  ["dns:", "dns:example.com"],
  ["dns:example.com.", "dns:example.com"],
  ["dns:*.*.example.com", "dns:example.com"],
  ["dns:a.*.example.com", "dns:example.com"],
  ["email:example.com", "email:example.com"],
  ["email:a@b@example.com", "email:example.com"],
  ["email:@example.com", "email:example.com"],
  ['email:"a"b"@example.com', "email:example.com"],
  ['email:"a@example.com', "email:example.com"],
  ['email:"a\\"@example.com', "email:example.com"],
  ['email:"a"@b@example.com', "email:example.com"],
  ["uri:https://192.0.2.1/", "uri:.example.com"],
  ["uri:https://[2001:db8::1]/", "uri:.example.com"],
  ["uri:urn:example:a", "uri:.example.com"],
  ["uri:https:///path", "uri:.example.com"],
  ["uri:https://evil.net\\@a.example.com/", "uri:.example.com"],
  ["ip:c00002", "ip:c0000200ffffff00"],
  ["other:a", "other:a"],
  ["rid:1.2.3", "rid:1.2.3"],
];

describe("name constraints", () => {
  it.each(inside)("find %s in %s", (name, base) => {
    expect([permitted(name, base), excluded(name, base)]).toEqual([true, true]);
  });

  it.each(outside)("do not find %s in %s", (name, base) => {
    expect([permitted(name, base), excluded(name, base)]).toEqual([false, false]);
  });

  it.each(unclear)("do not trust %s under %s", (name, base) => {
    expect([permitted(name, base), excluded(name, base)]).toEqual([false, true]);
  });

  it("exclude a wildcard that could stand for an excluded host", () => {
    expect(excluded("dns:*.example.com", "dns:secret.example.com")).toBe(true);
    expect(permitted("dns:*.example.com", "dns:secret.example.com")).toBe(false);
    expect(excluded("dns:*.other.com", "dns:secret.example.com")).toBe(false);
  });

  it("say nothing about names of other forms", () => {
    expect(permitted("email:a@b.c", "dns:example.com", "ip:c0000200ffffff00")).toBe(true);
    expect(excluded("directory:CN=a", "dns:example.com")).toBe(false);
  });

  it("take one of several bases, and let what is excluded win", () => {
    expect(permitted("dns:b.org", "dns:a.org", "dns:b.org")).toBe(true);
    const both = { permitted: names("dns:example.com"), excluded: names("dns:secret.example.com") };
    expect(whyNamesForbidden(both, names("dns:a.example.com"))).toBeUndefined();
    expect(whyNamesForbidden(both, names("dns:a.secret.example.com"))).toMatch(/dns is excluded/);
    expect(whyNamesForbidden(both, names("dns:a.example.com", "dns:a.example.net"))).toMatch(/not among the permitted/);
  });

  it.each([
    "dns:.example.com",
    "dns:*.example.com",
    "dns:exa mple.com",
    "email:a@",
    "email:@example.com",
    "email:",
    "uri:http://example.com/",
    "uri:",
    "uri:.",
    "ip:c0000200",
    "ip:c0000200ff00ff00",
    "ip:c0000200ffffff01",
  ])("are broken by a base that is none: %s", (base) => {
    expect(whyNamesForbidden({ permitted: names(base), excluded: [] }, [])).toMatch(/that is not one/);
    expect(whyNamesForbidden({ permitted: [], excluded: names(base) }, [])).toMatch(/that is not one/);
  });

  it("are broken by more names and bases than anybody needs", () => {
    const many = names(...Array.from({ length: 257 }, (_, index) => `dns:${index}.example.com`));
    expect(whyNamesForbidden({ permitted: [], excluded: many.slice(1) }, many.slice(1))).toMatch(/dns is excluded/);
    expect(whyNamesForbidden({ permitted: [], excluded: many }, many)).toMatch(/too many/);
  });
});

describe("readNameConstraints", () => {
  const read = (bytes: Buffer, deviations?: string[]) => readNameConstraints(new DerReader(bytes, deviations));
  const base = generalName("dns:example.com");

  it("reads both lists", () => {
    const bytes = sequence(context(0, sequence(base)), context(1, sequence(generalName("ip:00"))));
    expect(read(bytes)).toMatchObject({
      permitted: [{ form: "dns", value: "example.com" }],
      excluded: [{ form: "ip" }],
    });
  });

  it.each([
    ["nothing at all", sequence()],
    ["empty lists", sequence(context(0), context(1))],
    ["a form of a name that there is not", sequence(context(0, sequence(implicit(9, Buffer.of()))))],
    ["a least distance", sequence(context(0, sequence(base, integer(0, 0x80))))],
    ["a greatest distance", sequence(context(0, sequence(base, integer(1, 0x81))))],
    ["something after the lists", sequence(context(1, sequence(base)), integer(1))],
    ["text outside ASCII", sequence(context(1, sequence(implicit(2, Buffer.of(0x80)))))],
  ])("refuses %s", (_, bytes) => {
    expect(() => read(bytes)).toThrow(MalformedInput);
  });

  it("notes an empty list beside one that is not, and a base of a form that there is not", () => {
    const deviationsOf = (bytes: Buffer) => {
      const deviations: string[] = [];
      return [read(bytes, deviations), deviations];
    };
    const dns = [{ form: "dns", value: "example.com" }];
    expect(deviationsOf(sequence(context(0), context(1, sequence(base))))).toEqual([
      { permitted: [], excluded: dns },
      ["name constraints: an empty list"],
    ]);
    const nameless = sequence(implicit(9, Buffer.of()));
    expect(deviationsOf(sequence(context(0, sequence(base), nameless)))).toEqual([
      { permitted: dns, excluded: [] },
      ["name constraints: an unknown form of a name"],
    ]);
  });

  it("notes a distance, which other readers pass over", () => {
    const deviations: string[] = [];
    read(sequence(context(0, sequence(base, integer(1, 0x80)))), deviations);
    expect(deviations).toEqual(["name constraints: a base distance"]);
  });
});
