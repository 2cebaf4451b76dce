import { describe, expect, it } from "vitest";
import { describeWithVectors, readJsonVector } from "shared-vectors";
import { compilePolicy } from "../policies/compile-policy.js";
import { describeProblem, PolicyError } from "../policies/policy-problem.js";
import { policyOfFiles } from "../policies/policy-reader.js";

interface Project {
  readonly id?: string;
  readonly owner?: string;
  readonly email?: string;
  readonly staging?: string;
}

/** A projects.cfg, three lines a project. */
function projects(...list: Project[]): string {
  const entry = ({ id = "lab", owner = "team", email, staging }: Project) => {
    const emails = [
      email === undefined ? "" : ` service_account_email: "${email}"`,
      staging === undefined ? "" : ` staging_service_account_email: "${staging}"`,
    ];
    return `projects {\n  id: "${id}" owned_by: "${owner}"\n  identity_config {${emails.join("")} } }\n`;
  };
  return list.map(entry).join("");
}

async function compile(text: string, isStaging = false) {
  try {
    const { policy, warnings } = await compilePolicy(policyOfFiles({ "projects.cfg": text }), { isStaging });
    return { identities: Object.fromEntries(policy.projectIdentities), problems: warnings.map(describeProblem) };
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error;
    return { identities: undefined, problems: error.problems.map(describeProblem) };
  }
}

describe("projects.cfg", () => {
  it("gives each project its service account", async () => {
    const text = projects({ id: "one", email: "one@x.y" }, { id: "two" }, { id: "three", email: "" });
    expect(await compile(text)).toEqual({ identities: { one: "one@x.y" }, problems: [] });
    expect(await compile("")).toEqual({ identities: {}, problems: [] });
  });

  it("takes the staging accounts on a staging server, and there alone", async () => {
    const text = projects(
      { id: "both", email: "a@x.y", staging: "a-dev@x.y" },
      { id: "one", email: "b@x.y" },
      { id: "dev", staging: "c-dev@x.y" },
    );
    expect((await compile(text)).identities).toEqual({ both: "a@x.y", one: "b@x.y" });
    expect((await compile(text, true)).identities).toEqual({ both: "a-dev@x.y", one: "b@x.y", dev: "c-dev@x.y" });
  });

  it("reads all that LUCI's registry of projects says", async () => {
    const more = 'gitiles_location { repo: "https://x.y/r" ref: "refs/heads/main" path: "p" }';
    const teams = 'teams { name: "team" maintenance_contact: "a@x.y" escalation_contact: ["b@x.y"] }';
    const text = `projects { id: "lab" ${more} owned_by: "team" identity_config { service_account_email: "l@x.y" } }`;
    expect(await compile(`${text}\n${teams}`)).toEqual({ identities: { lab: "l@x.y" }, problems: [] });
  });

  it("lets the projects of one team share an account, and no others", async () => {
    const shared = (id: string, owner: string) => ({ id, owner, email: "s@x.y" });
    expect((await compile(projects(shared("one", "a"), shared("two", "a")))).problems).toEqual([]);
    const three = projects(shared("one", "b"), shared("two", "a"), shared("three", "b"));
    expect(await compile(three)).toEqual({
      identities: undefined,
      problems: ["projects.cfg:6:21: project-scoped account s@x.y is used by multiple teams: a, b"],
    });
  });

  it("looks at the accounts that count on this server when it asks who shares them", async () => {
    const text = projects(
      { id: "one", owner: "a", email: "one@x.y", staging: "dev@x.y" },
      { id: "two", owner: "b", email: "two@x.y", staging: "dev@x.y" },
    );
    expect((await compile(text)).problems).toEqual([]);
    const problem = "projects.cfg:6:54: project-scoped account dev@x.y is used by multiple teams: a, b";
    expect((await compile(text, true)).problems).toEqual([problem]);
  });

  it.each([
    ["without an id", { id: "" }, /^projects\.cfg:1:1: the project has no id/],
    ["of the same id as another", { id: "lab" }, /^projects\.cfg:5:3: there are two projects "lab"/],
  ])("refuses a project %s", async (_, project, problem) => {
    const text = project.id === "" ? projects(project) : projects({}, project);
    expect((await compile(text)).problems).toEqual([expect.stringMatching(problem)]);
  });

  it.each([
    ["a name that is none", { id: "One Two", email: "a@x.y" }, /^warning: projects\.cfg:2:3: "One Two" is not a proj/],
    ["an e-mail that is none", { email: "nonsense" }, /^warning: projects\.cfg:3:21: "nonsense" is not an e-mail/],
  ])("warns of %s, and gives it no account", async (_, project, problem) => {
    expect(await compile(projects(project))).toEqual({ identities: {}, problems: [expect.stringMatching(problem)] });
  });

  it("may be YAML", async () => {
    const yaml = "projects:\n  - id: lab\n    identity_config: {service_account_email: l@x.y}\n";
    const { policy } = await compilePolicy(policyOfFiles({ "projects.yaml": yaml }));
    expect(policy.projectIdentities.get("lab")).toBe("l@x.y");
  });
});

describeWithVectors("projects.cfg of the golden vectors", () => {
  interface ConfigCase {
    readonly name: string;
    readonly path: string;
    readonly content: string;
    readonly valid: boolean;
  }
  const { cases } = readJsonVector<{ cases: ConfigCase[] }>("config/cases.json");
  const known = cases.filter(({ path }) => path === "projects.cfg");

  it.each(known)("judges as LUCI's validator: $name", async ({ content, valid }) => {
    expect((await compile(content)).identities !== undefined).toBe(valid);
  });
});
