import { describe, expect, it } from "vitest";
import { parseCertificate } from "./certificate.js";
import { keepsPolicies } from "./policy-graph.js";
import {
  basicConstraints,
  certificatePolicies,
  inhibitAnyPolicy,
  makeCertificate,
  makeKey,
  policyConstraints,
  policyMappings,
} from "./testing.js";

const ANY = "2.5.29.32.0";
const [P1, P2, P3] = ["1.2.3.1", "1.2.3.2", "1.2.3.3"];
const key = makeKey();

/** What a certificate of the path says about policies. */
interface Said {
  policies?: string[];
  maps?: [string, string][];
  explicit?: number;
  mapping?: number;
  any?: number;
  selfIssued?: true;
}

function certificateOf({ policies, maps, explicit, mapping, any, selfIssued }: Said, index: number) {
  const extensions = [
    basicConstraints(true),
    ...(policies ? [certificatePolicies(...policies)] : []),
    ...(maps ? [policyMappings(...maps)] : []),
    ...(explicit !== undefined || mapping !== undefined ? [policyConstraints(explicit, mapping)] : []),
    ...(any === undefined ? [] : [inhibitAnyPolicy(any)]),
  ];
  const [issuer, subject] = [`CA ${index}`, selfIssued ? `CA ${index}` : `CA ${index + 1}`];
  return parseCertificate(makeCertificate({ issuer, subject, publicKey: key, signer: key, extensions }));
}

const keeps = (...path: Said[]) => keepsPolicies(path.map(certificateOf));

describe("keepsPolicies", () => {
  it.each<[string, ...Said[]]>([
    ["nobody says anything", {}, {}, {}],
    ["policies do not meet, and nobody demands one", { policies: [P1] }, { policies: [P2] }, {}],
    [
      "the demanded policy goes all the way",
      { policies: [P1], explicit: 0 },
      { policies: [P1, P2] },
      { policies: [P1] },
    ],
    ["any policy stands for all on the way", { policies: [ANY], explicit: 0 }, { policies: [P2] }, { policies: [P2] }],
    [
      "any policy takes over what came before",
      { policies: [P1], explicit: 0 },
      { policies: [ANY] },
      { policies: [P1] },
    ],
    ["the demand begins later than the path ends", { explicit: 3 }, {}, {}],
    ["a self-issued certificate does not count", { explicit: 3 }, { selfIssued: true }, {}, {}],
    ["a policy is mapped", { policies: [P1], maps: [[P1, P2]], explicit: 0 }, { policies: [P2] }],
    ["a policy is mapped out of any policy", { policies: [ANY], maps: [[P1, P2]], explicit: 0 }, { policies: [P2] }],
    [
      "a policy is mapped to two",
      {
        policies: [P1],
        maps: [
          [P1, P2],
          [P1, P3],
        ],
        explicit: 0,
      },
      { policies: [P3] },
    ],
    [
      "any policy is inhibited after the next",
      { any: 1, policies: [ANY], explicit: 0 },
      { policies: [ANY] },
      { policies: [P1] },
    ],
    [
      "any policy of what a CA issued to itself counts",
      { any: 0, policies: [P1], explicit: 0 },
      { policies: [ANY], selfIssued: true },
      { policies: [P1] },
    ],
    [
      "mappings are inhibited, but another policy is left",
      { policies: [P1, P3], mapping: 0, explicit: 0 },
      { policies: [P1, P3], maps: [[P1, P2]] },
      { policies: [P3] },
    ],
  ])("holds where %s", (_, ...path) => {
    expect(keeps(...path)).toBe(true);
  });

  it.each<[string, ...Said[]]>([
    ["a policy is demanded at once, and none is there", { explicit: 0 }, {}],
    ["a policy is demanded, and the last has another", { policies: [P1], explicit: 0 }, { policies: [P2] }],
    ["a policy is demanded, and one on the way has none", { policies: [P1], explicit: 0 }, {}, { policies: [P1] }],
    ["the demand begins with the last", { explicit: 1 }, {}, {}],
    ["the last demands one of itself", {}, { explicit: 0 }],
    ["every certificate counts", { explicit: 3 }, {}, {}, {}],
    ["any policy is mapped", { policies: [ANY], maps: [[ANY, P1]] }, {}],
    ["something is mapped to any policy", { policies: [P1], maps: [[P1, ANY]] }, {}],
    [
      "a mapped policy goes on under its old name",
      { policies: [P1], maps: [[P1, P2]], explicit: 0 },
      { policies: [P1] },
    ],
    [
      "mappings are inhibited",
      { policies: [P1], mapping: 0, explicit: 0 },
      { policies: [P1], maps: [[P1, P2]] },
      { policies: [P2] },
    ],
    ["any policy is inhibited", { any: 0, policies: [P1], explicit: 0 }, { policies: [ANY] }, { policies: [P1] }],
    [
      "any policy is inhibited, and the last issued itself",
      { any: 0, policies: [P1], explicit: 0 },
      { policies: [ANY], selfIssued: true },
    ],
  ])("does not hold where %s", (_, ...path) => {
    expect(keeps(...path)).toBe(false);
  });

  it("takes no longer than the certificates are long, where policies branch at each step", () => {
    const policies = Array.from({ length: 60 }, (_, index) => `1.2.3.${index}`);
    const maps = policies.flatMap((issuer) =>
      policies.slice(0, 4).map((subject): [string, string] => [issuer, subject]),
    );
    expect(keeps(...Array.from({ length: 9 }, () => ({ policies, maps })), { policies, explicit: 0 })).toBe(true);
  });
});
