import type {
  ServiceAccountsProjectMapping,
  ServiceAccountsProjectMapping_Mapping as Mapping,
} from "@tokens/api/config";
import { isIdentity } from "@tokens/machine-auth";
import { isProjectName } from "../access/realm-name.js";
import type { PolicyFindings, PolicyPath } from "../policies/policy-findings.js";

/** Which projects may use which service accounts. A snapshot: it never changes. */
export interface AccountMapping {
  /** Whether a mapping has both. */
  allows(project: string, account: string): boolean;
  /** Whether a project uses accounts by its own service account, without a mapping. */
  usesProjectAccount(project: string): boolean;
}

/** Makes the mapping of a project_owned_accounts.cfg, and reports everything that is wrong with it. */
export function compileAccountMapping(config: ServiceAccountsProjectMapping, findings: PolicyFindings): AccountMapping {
  const projectsOf = new Map<string, Set<string>>();
  const mapped = new Set<string>();
  for (const [index, mapping] of config.mapping.entries()) {
    checkMapping(mapping, ["mapping", index], projectsOf, findings);
    for (const project of mapping.project) mapped.add(project);
    for (const account of mapping.serviceAccount) projectsOf.set(account, new Set(mapping.project));
  }
  checkScoped(config.useProjectScopedAccount, mapped, findings);
  const scoped = new Set(config.useProjectScopedAccount);
  return {
    allows: (project, account) => projectsOf.get(account)?.has(project) === true,
    usesProjectAccount: (project) => scoped.has(project),
  };
}

function checkMapping(
  { project: projects, serviceAccount: accounts }: Mapping,
  path: PolicyPath,
  known: ReadonlyMap<string, unknown>,
  findings: PolicyFindings,
): void {
  if (projects.length === 0) findings.error(path, "at least one project must be given");
  if (accounts.length === 0) findings.error(path, "at least one service account must be given");
  for (const [entry, project] of projects.entries()) {
    if (!isProjectName(project)) findings.error([...path, "project", entry], notAProject(project));
  }
  const here = new Set<string>();
  for (const [entry, account] of accounts.entries()) {
    const place = [...path, "service_account", entry];
    const text = JSON.stringify(account);
    if (!isIdentity(`user:${account}`)) findings.error(place, `bad service_account ${text}: it is no e-mail address`);
    else if (account !== account.toLowerCase()) findings.error(place, `service_account ${text} must be lowercase`);
    if (known.has(account) || here.has(account)) {
      findings.error(place, `service_account ${text} appears in more than one mapping`);
    }
    here.add(account);
  }
}

function checkScoped(projects: readonly string[], mapped: ReadonlySet<string>, findings: PolicyFindings): void {
  for (const [entry, project] of projects.entries()) {
    const place = ["use_project_scoped_account", entry];
    if (!isProjectName(project)) findings.error(place, notAProject(project));
    else if (mapped.has(project)) {
      findings.error(
        place,
        `project ${JSON.stringify(project)} is in use_project_scoped_account, and has mapping entries, too`,
      );
    }
  }
}

function notAProject(text: string): string {
  return `bad project ${JSON.stringify(text)}: use a-z, 0-9, "-" and "_", at most 100, or "@internal"`;
}
