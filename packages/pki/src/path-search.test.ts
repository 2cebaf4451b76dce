import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { verdictOf } from "../test/verdict.js";
import { parseCertificate } from "./certificate.js";
import { checkCertificate } from "./check-certificate.js";
import { CertificateError } from "./errors.js";
import { searchPath } from "./path-search.js";
import { type Issued, makeKey, name, TestCa } from "./testing.js";

const now = Date.parse("2026-06-01T12:00:00Z") / 1000;
const expired = { notAfter: new Date("2026-05-01T00:00:00Z") };
const HOST = "h.example.com";
const parse = ({ certificate }: Issued) => parseCertificate(certificate);

function check(leaf: Issued, anchors: readonly Issued[], intermediates: readonly Issued[]) {
  const trust = { anchors: anchors.map(parse), intermediates: intermediates.map(parse), policy: {} };
  return checkCertificate(parse(leaf), trust, now);
}
const verdict = (...given: Parameters<typeof check>) => verdictOf(() => check(...given));
const names = (...given: Parameters<typeof check>) =>
  check(...given).path.map(({ subject }) => subject.commonNames.join());

const root = TestCa.create("Root");
const middle = root.intermediate("Middle");
const low = middle.intermediate("Low");
const leaf = low.issue(HOST);

/** CAs one below the other. */
function tower(height: number): TestCa[] {
  const cas = [TestCa.create("Level 0")];
  while (cas.length < height) cas.unshift((cas[0] ?? root).intermediate(`Level ${cas.length}`));
  return cas;
}

describe("the search for a path", () => {
  it("finds the intermediates in any order, among others", () => {
    const others = [TestCa.create("Other"), TestCa.create("Low"), TestCa.create("Middle"), TestCa.create("Root")];
    const pool = fc.shuffledSubarray([low, middle, ...others], { minLength: 6 });
    fc.assert(
      fc.property(pool, (intermediates) => {
        expect(names(leaf, [root], intermediates)).toEqual([HOST, "Low", "Middle", "Root"]);
      }),
      { numRuns: 50 },
    );
  });

  it("needs every one of them, and a root that is trusted", () => {
    expect(verdict(leaf, [root], [middle])).toBe("UNKNOWN_CA");
    expect(verdict(leaf, [root], [low])).toBe("UNKNOWN_CA");
    expect(verdict(leaf, [TestCa.create("Root")], [low, middle])).toBe("BAD_SIGNATURE");
    expect(verdict(leaf, [TestCa.create("Other")], [low, middle, root])).toBe("UNKNOWN_CA");
    expect(verdict(leaf, [], [low, middle, root])).toBe("UNKNOWN_CA");
  });

  it("stops at the first certificate that is trusted, whoever signed it", () => {
    expect(names(leaf, [low], [])).toEqual([HOST, "Low"]);
    expect(names(leaf, [root, middle], [low])).toEqual([HOST, "Low", "Middle"]);
  });

  it("tries the next path when one is not good", () => {
    const key = makeKey();
    const old = root.intermediate("Cross", { privateKey: key, ...expired });
    const other = TestCa.create("Other Root");
    const fresh = other.intermediate("Cross", { privateKey: key });
    const machine = fresh.issue(HOST);
    for (const intermediates of [
      [old, fresh],
      [fresh, old],
    ]) {
      expect(names(machine, [root, other], intermediates)).toEqual([HOST, "Cross", "Other Root"]);
    }
    expect(verdict(machine, [root, other], [old])).toBe("PROFILE ca_validity");
  });

  it("follows a CA from its old key to its new one, both ways", () => {
    const before = TestCa.create("Fleet CA");
    const after = TestCa.create("Fleet CA");
    const newWithOld = before.intermediate("Fleet CA", { privateKey: after.privateKey });
    const oldWithNew = after.intermediate("Fleet CA", { privateKey: before.privateKey });
    expect(names(after.issue(HOST), [before], [newWithOld])).toEqual([HOST, "Fleet CA", "Fleet CA"]);
    expect(names(before.issue(HOST), [after], [oldWithNew])).toEqual([HOST, "Fleet CA", "Fleet CA"]);
    expect(names(after.issue(HOST), [before, after], [])).toEqual([HOST, "Fleet CA"]);
    expect(verdict(after.issue(HOST), [before], [])).toBe("BAD_SIGNATURE");
  });

  it("does not go round in circles", () => {
    const [a, b] = [makeKey(), makeKey()];
    const [first, second] = [TestCa.create("A", { privateKey: a }), TestCa.create("B", { privateKey: b })];
    const circle = [first.intermediate("B", { privateKey: b }), second.intermediate("A", { privateKey: a })];
    expect(verdict(first.issue(HOST), [root], circle)).toBe("UNKNOWN_CA");
    expect(names(first.issue(HOST), [second], circle)).toEqual([HOST, "A", "B"]);
    expect(verdict(root, [TestCa.create("Other")], [root])).toBe("UNKNOWN_CA");
  });

  it("tries no path with an intermediate in it twice, and every other", () => {
    const keys = [makeKey(), makeKey(), makeKey()];
    const cas = keys.map((privateKey, index) => TestCa.create(`CA ${index}`, { privateKey }));
    const pool = cas.flatMap((issuer) =>
      cas.filter((ca) => ca !== issuer).map((ca) => issuer.intermediate(ca.subject, { privateKey: ca.privateKey })),
    );
    const [first = root, , last = root] = cas;
    const tried: string[] = [];
    const search = () =>
      searchPath(
        parse(first.issue(HOST)),
        { anchors: [parse(last)], intermediates: pool.map(parse) },
        {
          link: () => undefined,
          path: (path) => {
            tried.push(path.map(({ subject }) => subject.commonNames.join()).join(" < "));
            throw new CertificateError("PROFILE", `fault ${tried.length}`, "encoding");
          },
        },
      );
    // Of faults that are found equally late the first is told.
    expect(search).toThrow("fault 1");
    expect(tried.toSorted()).toEqual([
      `${HOST} < CA 0 < CA 1 < CA 2`,
      `${HOST} < CA 0 < CA 2`,
      `${HOST} < CA 0 < CA 2 < CA 1 < CA 2`,
    ]);
  });

  it("goes from a CA's new key to its old one on the way up: they are two CAs of one name", () => {
    const before = root.intermediate("Fleet CA");
    const after = before.intermediate("Fleet CA");
    expect(names(after.issue(HOST), [root], [after, before])).toEqual([HOST, "Fleet CA", "Fleet CA", "Root"]);
  });

  it("finds a CA by its common name alone for the machine's certificate, and for no other", () => {
    const issuer = name("O=Other", "CN=Root");
    const lenient = { anchors: [parse(root)], policy: { issuer_name: "off" } } as const;
    const judge = (machine: Issued, ...intermediates: Issued[]) =>
      verdictOf(() => checkCertificate(parse(machine), { ...lenient, intermediates: intermediates.map(parse) }, now));
    expect(judge(root.issue(HOST, { issuer }))).toBe("trusted");
    const other = root.intermediate("Middle", { issuer });
    expect(judge(other.issue(HOST), other)).toBe("UNKNOWN_CA");
    for (const unclear of [name("CN=Root", "CN=Other"), name("CN=Other", "CN=Root"), name("O=Root"), name()]) {
      expect(judge(root.issue(HOST, { issuer: unclear }))).toBe("UNKNOWN_CA");
    }
    const nobody = () => check(root.issue(HOST, { issuer: name() }), [root], []);
    expect(nobody).toThrow("the certificate names no issuer");
  });

  it("passes on what is no verdict: a bug is not a bad certificate", () => {
    const pool = { anchors: [parse(root)], intermediates: [] };
    const fail = () => {
      throw new TypeError("a bug");
    };
    const machine = parse(root.issue(HOST));
    const twice = { ...pool, anchors: [parse(root), parse(root)] };
    let bugs = 1;
    const failOnce = () => (bugs-- > 0 ? fail() : undefined);
    expect(() => searchPath(machine, twice, { link: failOnce, path: () => 1 })).toThrow(TypeError);
    expect(() => searchPath(machine, pool, { link: fail, path: () => 1 })).toThrow(TypeError);
    expect(() => searchPath(machine, pool, { link: () => undefined, path: fail })).toThrow(TypeError);
  });

  it("goes up eight intermediates and no more", () => {
    const [nine, ten] = [tower(9), tower(10)];
    const top = (cas: TestCa[]) => cas.slice(-1);
    expect(names((nine[0] ?? root).issue(HOST), top(nine), nine.slice(0, -1))).toHaveLength(10);
    expect(verdict((ten[0] ?? root).issue(HOST), top(ten), ten.slice(0, -1))).toBe("UNKNOWN_CA");
  });

  it("gives up where CAs sign each other without end", () => {
    const keys = Array.from({ length: 12 }, (_, index) => TestCa.create(`CA ${index}`));
    const everyPair = keys.flatMap((issuer) =>
      keys.map((subject) => issuer.intermediate(subject.subject, { privateKey: subject.privateKey })),
    );
    const machine = (keys[0] ?? root).issue(HOST);
    expect(() => check(machine, [root], everyPair)).toThrow("too many ways");
  });

  it("says of all faults the one that came closest", () => {
    const impostor = TestCa.create("Middle");
    expect(verdict(leaf, [root], [low, impostor])).toBe("BAD_SIGNATURE");
    const late = root.intermediate("Middle", { privateKey: middle.privateKey, ...expired });
    expect(verdict(leaf, [root], [low, impostor, late])).toBe("PROFILE ca_validity");
  });
});
