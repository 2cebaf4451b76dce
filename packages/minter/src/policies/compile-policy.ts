import { createHash } from "node:crypto";
import type { JsonObject } from "@bufbuild/protobuf";
import {
  DelegationPermissionsSchema,
  GroupsConfigSchema,
  ProjectsCfgSchema,
  RealmsConfigSchema,
  ServiceAccountsProjectMappingSchema,
  TokenServerConfigSchema,
} from "@tokens/api/config";
import { compileGroups, type Groups } from "../access/groups.js";
import { checkGroupCases, checkRealmCases } from "../access/policy-cases.js";
import { compileRealms, type Realms } from "../access/realms.js";
import type { CaPolicy } from "../certificate-authorities/ca-policy.js";
import { type CaPolicyContext, compileCaPolicy } from "../certificate-authorities/compile-ca-policy.js";
import { compileDelegationRules } from "../delegation/compile-delegation-rules.js";
import { checkDelegationCases } from "../delegation/delegation-cases.js";
import type { DelegationRule } from "../delegation/delegation-rules.js";
import { checkOverlaps } from "../delegation/overlapping-rules.js";
import { checkUnmatchable } from "../delegation/unmatchable-rules.js";
import {
  compileProjectIdentities,
  type ProjectIdentities,
  type ProjectsContext,
} from "../project-tokens/project-identities.js";
import { type AccountMapping, compileAccountMapping } from "../service-accounts/account-mapping.js";
import { describeProblem, PolicyError, type PolicyProblem } from "./policy-problem.js";
import { PolicyReader, type PolicySource } from "./policy-reader.js";

/** What all policy files together say. A snapshot: it never changes. */
export interface Policy {
  /** Names the content of the files: the same files have the same revision. */
  readonly revision: string;
  readonly cas: CaPolicy;
  readonly groups: Groups;
  readonly realms: Realms;
  /** The rules of delegation.cfg, and the implicit one behind them. */
  readonly delegation: readonly DelegationRule[];
  readonly projectIdentities: ProjectIdentities;
  readonly accountMapping: AccountMapping;
}

/** What policies are measured with besides themselves. */
export type PolicyContext = CaPolicyContext & ProjectsContext;

/** A policy, and how it came about. */
export interface CompiledPolicy {
  readonly policy: Policy;
  /** All files that it was made of, by path. */
  readonly files: Readonly<Record<string, string>>;
  /** What the policy files say, by their names without an ending. */
  readonly contents: ReadonlyMap<string, JsonObject>;
  /** What in it may not do what its author thinks. */
  readonly warnings: readonly PolicyProblem[];
}

/**
 * Reads all policy files and makes one policy of them: all or nothing. The tests in the files must pass. Rejects with a
 * PolicyError that has every error in it.
 */
export async function compilePolicy(
  source: PolicySource,
  context: Partial<PolicyContext> = {},
): Promise<CompiledPolicy> {
  const { policy, reader } = await readPolicy(source, {
    owners: new Map(),
    crlHosts: new Set(),
    isStaging: false,
    ...context,
  });
  const errors = reader.problems.filter(({ severity }) => severity === "error");
  if (errors.length > 0) throw new PolicyError(errors.map(describeProblem).join("\n"), reader.problems);
  return { policy, files: reader.files, contents: reader.contents, warnings: reader.problems };
}

async function readPolicy(
  source: PolicySource,
  context: PolicyContext,
): Promise<{ policy: Policy; reader: PolicyReader }> {
  const reader = new PolicyReader(source);
  const groups = await reader.compile("groups", GroupsConfigSchema, compileGroups);
  const realms = await reader.compile("realms", RealmsConfigSchema, (config, findings) =>
    compileRealms(config, groups, findings),
  );
  const cas = await reader.compile("tokenserver", TokenServerConfigSchema, (config, findings) =>
    compileCaPolicy(config, (path) => reader.readFile(path), findings, context),
  );
  const delegation = await reader.compile("delegation", DelegationPermissionsSchema, (config, findings) =>
    compileDelegationRules(config, groups, findings),
  );
  const projectIdentities = await reader.compile("projects", ProjectsCfgSchema, (config, findings) =>
    compileProjectIdentities(config, findings, context),
  );
  const accountMapping = await reader.compile(
    "project_owned_accounts",
    ServiceAccountsProjectMappingSchema,
    compileAccountMapping,
  );
  if (!reader.hasErrors) {
    reader.review("groups", GroupsConfigSchema, (config, findings) => checkGroupCases(config, groups, findings));
    reader.review("delegation", DelegationPermissionsSchema, (config, findings) => {
      checkOverlaps(delegation, groups, findings);
      checkUnmatchable(config, groups, findings);
      checkDelegationCases(config, delegation, groups, findings);
    });
    reader.review("realms", RealmsConfigSchema, (config, findings) => checkRealmCases(config, realms, findings));
  }
  const revision = revisionOf(reader.files);
  return { policy: { revision, cas, groups, realms, delegation, projectIdentities, accountMapping }, reader };
}

/** The files come sorted by path, so the same files give the same revision. */
function revisionOf(files: Readonly<Record<string, string>>): string {
  return createHash("sha256").update(JSON.stringify(files)).digest("hex").slice(0, 40);
}
