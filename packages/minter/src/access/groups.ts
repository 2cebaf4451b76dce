import type { Group, GroupsConfig } from "@tokens/api/config";
import type { PolicyFindings, PolicyPath } from "../policies/policy-findings.js";
import { identityProblem } from "./canonical-identity.js";
import { findCycles } from "./group-cycles.js";
import { globDoubt, globProblem, matchesGlob } from "./identity-glob.js";

/** Who belongs to which group. A snapshot: it never changes. */
export interface Groups {
  /** Whether an identity is in a group: listed, by a pattern, or through a nested group. In no such group is nobody. */
  has(group: string, identity: string): boolean;
  /** Whether there is such a group. */
  isDefined(group: string): boolean;
  /** Some members of a group, one made up for each pattern: for whoever looks for an example. */
  examplesOf(group: string): readonly string[];
  /** Whether groups.cfg lists any group. If not, groups may be kept elsewhere, and a missing one is no mistake here. */
  readonly areListed: boolean;
}

/** The group whose members may call the admin RPCs. */
export const ADMINISTRATORS = "administrators";

/** The group whose members may have tokens of all projects. */
export const PROJECT_ACTORS = "auth-project-actors";

/** Groups that LUCI's rules name. They exist even if no file lists them, and then have no members. */
const WELL_KNOWN = [ADMINISTRATORS, PROJECT_ACTORS, "auth-token-servers", "auth-luci-services"];

const GROUP_NAME = /^(?:[a-z-]+\/)?[0-9a-z_\-.@]{1,100}$/;

interface CompiledGroup {
  readonly members: ReadonlySet<string>;
  readonly globs: readonly string[];
  readonly nested: readonly string[];
}

/** Whether a text may be the name of a group: lower-case letters, digits, '-', '_', '.', '@', with an optional prefix. */
export function isGroupName(text: string): boolean {
  return GROUP_NAME.test(text);
}

/** Makes the groups of a groups.cfg, and reports what is wrong with it. They are safe to ask even if something is. */
export function compileGroups(config: GroupsConfig, findings: PolicyFindings): Groups {
  const groups = new Map<string, CompiledGroup>();
  for (const [index, group] of config.groups.entries()) {
    const path = ["groups", index];
    checkName(group.name, path, groups, findings);
    checkEntries(group, path, findings);
    groups.set(group.name, { members: new Set(group.members), globs: group.globs, nested: group.nested });
  }
  for (const name of WELL_KNOWN) if (!groups.has(name)) groups.set(name, { members: new Set(), globs: [], nested: [] });
  checkNested(config.groups, groups, findings);
  return {
    has: (group, identity) => isMember(groups, group, identity),
    isDefined: (group) => groups.has(group),
    examplesOf: (group) => examplesOf(groups, group),
    areListed: config.groups.length > 0,
  };
}

/** Reports a policy that names a group that does not exist. */
export function checkGroupExists(group: string, path: PolicyPath, groups: Groups, findings: PolicyFindings): void {
  const message = `there is no group ${JSON.stringify(group)}`;
  if (group === "") findings.error(path, 'write the name of a group behind "group:"');
  else if (groups.isDefined(group)) return;
  else if (groups.areListed) findings.error(path, `${message} in groups.cfg`);
  else findings.warning(path, `${message}: groups.cfg lists none`);
}

function isMember(groups: ReadonlyMap<string, CompiledGroup>, name: string, identity: string): boolean {
  for (const { members, globs } of withNested(groups, name)) {
    if (members.has(identity) || globs.some((glob) => matchesGlob(identity, glob))) return true;
  }
  return false;
}

function examplesOf(groups: ReadonlyMap<string, CompiledGroup>, name: string): readonly string[] {
  return [...withNested(groups, name)].flatMap(({ members, globs }) => [
    ...members,
    ...globs.map((glob) => glob.replaceAll("*", "example")),
  ]);
}

/** A group and all that it nests, each once, without recursion: no depth of nesting can exhaust the stack. */
function* withNested(groups: ReadonlyMap<string, CompiledGroup>, name: string): Generator<CompiledGroup> {
  const seen = new Set([name]);
  for (const current of seen) {
    const group = groups.get(current);
    if (!group) continue;
    yield group;
    for (const nested of group.nested) seen.add(nested);
  }
}

function checkName(name: string, path: PolicyPath, groups: ReadonlyMap<string, unknown>, findings: PolicyFindings) {
  const place = [...path, "name"];
  if (name === "") findings.error(path, "the group has no name");
  else if (!isGroupName(name)) {
    findings.error(
      place,
      `${JSON.stringify(name)} is not a group name; use a-z, 0-9, "-", "_", "." and "@", at most 100`,
    );
  } else if (groups.has(name)) findings.error(place, `there are two groups ${JSON.stringify(name)}; join them`);
}

function checkEntries({ members, globs }: Group, path: PolicyPath, findings: PolicyFindings): void {
  for (const [index, member] of members.entries()) {
    const place = [...path, "members", index];
    if (member.startsWith("group:")) findings.error(place, `write the name of a group under nested, without "group:"`);
    else if (member.includes("*"))
      findings.error(place, `${JSON.stringify(member)} is a pattern; write it under globs`);
    else report(identityProblem(member), (problem) => findings.error(place, problem));
  }
  for (const [index, glob] of globs.entries()) {
    const place = [...path, "globs", index];
    report(globProblem(glob), (problem) => findings.error(place, problem));
    report(globDoubt(glob), (doubt) => findings.warning(place, doubt));
  }
}

function report(text: string | undefined, to: (text: string) => void): void {
  if (text !== undefined) to(text);
}

function checkNested(list: readonly Group[], groups: ReadonlyMap<string, CompiledGroup>, findings: PolicyFindings) {
  for (const [index, { nested }] of list.entries()) {
    for (const [entry, name] of nested.entries()) {
      if (groups.has(name)) continue;
      const hint = name.startsWith("group:") ? `; write it without "group:"` : "";
      findings.error(["groups", index, "nested", entry], `there is no group ${JSON.stringify(name)}${hint}`);
    }
  }
  for (const { group, entry, cycle } of findCycles(list)) {
    findings.error(["groups", group, "nested", entry], `a group cannot contain itself: ${cycle.join(" → ")}`);
  }
}
