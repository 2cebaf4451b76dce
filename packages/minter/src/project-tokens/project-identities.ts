import type { Project, ProjectsCfg } from "@tokens/api/config";
import { isIdentity } from "@tokens/machine-auth";
import { isProjectName } from "../access/realm-name.js";
import type { PolicyFindings, PolicyPath } from "../policies/policy-findings.js";

/** E-mail of the service account of each project that has one. */
export type ProjectIdentities = ReadonlyMap<string, string>;

/** Which of a project's two service accounts counts. */
export interface ProjectsContext {
  /** Whether this server is one for trials: projects may have other service accounts there. */
  readonly isStaging: boolean;
}

/**
 * Makes the service accounts of a projects.cfg, and reports what is wrong with it. LUCI takes any name and any text as
 * an e-mail: such a project is only warned of, and has no service account here.
 */
export function compileProjectIdentities(
  { projects }: ProjectsCfg,
  findings: PolicyFindings,
  { isStaging }: ProjectsContext,
): ProjectIdentities {
  const identities = new Map<string, string>();
  const seen = new Set<string>();
  for (const [index, project] of projects.entries()) {
    const path = ["projects", index];
    const isNamed = checkName(project, path, seen, findings);
    const { email, place } = accountOf(project, path, isStaging);
    if (email === "") continue;
    if (!isIdentity(`user:${email}`)) {
      findings.warning(place, `${JSON.stringify(email)} is not an e-mail address; the project has no service account`);
    } else if (isNamed) identities.set(project.id, email);
  }
  checkOwners(projects, isStaging, findings);
  return identities;
}

function checkName({ id }: Project, path: PolicyPath, seen: Set<string>, findings: PolicyFindings): boolean {
  const place = [...path, "id"];
  if (id === "") findings.error(path, "the project has no id");
  else if (seen.has(id)) findings.error(place, `there are two projects ${JSON.stringify(id)}; join them`);
  seen.add(id);
  if (id === "" || isProjectName(id)) return id !== "";
  findings.warning(
    place,
    `${JSON.stringify(id)} is not a project; use a-z, 0-9, "-" and "_", at most 100; nobody gets its tokens`,
  );
  return false;
}

/** The e-mail that counts here, which may be empty, and where it stands. */
function accountOf({ identityConfig }: Project, path: PolicyPath, isStaging: boolean) {
  const staging = isStaging ? (identityConfig?.stagingServiceAccountEmail ?? "") : "";
  const field = staging === "" ? "service_account_email" : "staging_service_account_email";
  const email = staging === "" ? (identityConfig?.serviceAccountEmail ?? "") : staging;
  return { email, place: [...path, "identity_config", field] };
}

/** Who may act for one team must not thereby act for another. Within a team an account may be shared. */
function checkOwners(projects: readonly Project[], isStaging: boolean, findings: PolicyFindings): void {
  const users = new Map<string, { readonly teams: Set<string>; place: PolicyPath }>();
  for (const [index, project] of projects.entries()) {
    const { email, place } = accountOf(project, ["projects", index], isStaging);
    if (email === "") continue;
    const known = users.get(email) ?? { teams: new Set<string>(), place };
    if (known.teams.size > 0 && !known.teams.has(project.ownedBy)) known.place = place;
    users.set(email, { ...known, teams: known.teams.add(project.ownedBy) });
  }
  for (const [email, { teams, place }] of users) {
    if (teams.size < 2) continue;
    const names = [...teams].sort().join(", ");
    findings.error(place, `project-scoped account ${email} is used by multiple teams: ${names}`);
  }
}
