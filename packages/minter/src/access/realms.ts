import type { Realm, RealmBinding, RealmsConfig } from "@tokens/api/config";
import type { PolicyFindings, PolicyPath } from "../policies/policy-findings.js";
import { identityProblem } from "./canonical-identity.js";
import { checkGroupExists, type Groups } from "./groups.js";
import { groupOfEntry, identitySet, isInSet, type IdentitySet } from "./identity-set.js";
import { parseRealmName } from "./realm-name.js";

/** Who may do what in which realm. A snapshot: it never changes. */
export interface Realms {
  /**
   * The realm whose binding gives an identity a permission in a realm: the realm itself, or its project's `@root`, which
   * all realms of the project inherit, also those that nobody defined. Undefined: the identity does not have it.
   */
  grantedBy(identity: string, permission: string, realm: string): string | undefined;
}

/** The permission to mint tokens of the service accounts of a realm. */
export const MINT_TOKEN = "luci.serviceAccounts.mintToken";

/** What a service account needs to belong to a realm. */
export const EXIST_IN_REALM = "luci.serviceAccounts.existInRealm";

const PERMISSION = /^[a-zA-Z0-9_-]+(?:\.[a-zA-Z0-9_-]+){2}$/;
const USED_PERMISSIONS = [MINT_TOKEN, EXIST_IN_REALM];

interface CompiledBinding {
  readonly permissions: ReadonlySet<string>;
  readonly principals: IdentitySet;
}

/** Makes the realms of a realms.cfg, and reports what is wrong with it. They are safe to ask even if something is. */
export function compileRealms(config: RealmsConfig, groups: Groups, findings: PolicyFindings): Realms {
  const realms = new Map<string, CompiledBinding[]>();
  for (const [index, realm] of config.realms.entries()) {
    checkName(realm.name, ["realms", index], realms, findings);
    checkBindings(realm, ["realms", index], groups, findings);
    realms.set(realm.name, realm.bindings.map(compileBinding));
  }
  const isBound = (realm: string, identity: string, permission: string) =>
    (realms.get(realm) ?? []).some(
      ({ permissions, principals }) => permissions.has(permission) && isInSet(identity, principals, groups),
    );
  return {
    grantedBy: (identity, permission, realm) => {
      const name = parseRealmName(realm);
      if (!name) return undefined;
      return [realm, `${name.project}:@root`].find((candidate) => isBound(candidate, identity, permission));
    },
  };
}

function compileBinding({ permissions, principals }: RealmBinding): CompiledBinding {
  return { permissions: new Set(permissions), principals: identitySet(principals.filter((entry) => entry !== "*")) };
}

function checkName(name: string, path: PolicyPath, realms: ReadonlyMap<string, unknown>, findings: PolicyFindings) {
  const place = [...path, "name"];
  if (name === "") findings.error(path, "the realm has no name");
  else if (!parseRealmName(name)) {
    findings.error(
      place,
      `${JSON.stringify(name)} is not a realm; write project:realm in lower case, or project:@root`,
    );
  } else if (realms.has(name)) findings.error(place, `there are two realms ${JSON.stringify(name)}; join them`);
}

function checkBindings({ bindings }: Realm, path: PolicyPath, groups: Groups, findings: PolicyFindings): void {
  for (const [index, { permissions, principals }] of bindings.entries()) {
    const place = [...path, "bindings", index];
    if (permissions.length === 0) findings.error(place, "the binding has no permissions");
    if (principals.length === 0) findings.error(place, "the binding has no principals");
    for (const [entry, name] of permissions.entries())
      checkPermission(name, [...place, "permissions", entry], findings);
    for (const [entry, principal] of principals.entries()) {
      checkPrincipal(principal, [...place, "principals", entry], groups, findings);
    }
  }
}

function checkPermission(name: string, path: PolicyPath, findings: PolicyFindings): void {
  const text = JSON.stringify(name);
  if (!PERMISSION.test(name)) findings.error(path, `${text} is not a permission; write service.subject.verb`);
  else if (!USED_PERMISSIONS.includes(name)) {
    findings.warning(path, `nothing asks for the permission ${text}; this server knows ${USED_PERMISSIONS.join(", ")}`);
  }
}

function checkPrincipal(principal: string, path: PolicyPath, groups: Groups, findings: PolicyFindings): void {
  const group = groupOfEntry(principal);
  if (group === undefined) {
    const problem = identityProblem(principal);
    if (problem !== undefined) findings.error(path, problem);
  } else checkGroupExists(group, path, groups, findings);
}
