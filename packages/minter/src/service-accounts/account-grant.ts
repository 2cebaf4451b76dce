import { Code } from "@connectrpc/connect";
import { INTERNAL_PROJECT } from "../access/realm-name.js";
import { EXIST_IN_REALM, MINT_TOKEN, type Realms } from "../access/realms.js";
import { type ConsideredRule, explain, refuseCall } from "../errors.js";
import type { AccountMapping } from "./account-mapping.js";
import type { CheckedAccountRequest } from "./service-account-request.js";

/** What decides about tokens of service accounts: realms, mapping and projects of one policy. */
export interface AccountPolicy {
  readonly realms: Realms;
  readonly accountMapping: AccountMapping;
  /** E-mail of the service account of each project that has one. */
  readonly projectIdentities: ReadonlyMap<string, string>;
  readonly revision: string;
}

/** The permission to make a token: by which accounts the server acts as the wanted one. */
export interface AccountGrant {
  readonly delegates: readonly string[];
}

/** Decides whether a caller may have a token of an account in a realm. Throws a Refusal that says which rule failed. */
export function grantAccount(identity: string, checked: CheckedAccountRequest, policy: AccountPolicy): AccountGrant {
  const { account, realm, project } = checked;
  const { realms, accountMapping, revision } = policy;
  const deny = (message: string, rule: ConsideredRule) => {
    const detail = `${message} (${identity}, ${account} in ${realm})`;
    return explain(refuseCall(Code.PermissionDenied, message, detail), {
      policyRevision: revision,
      considered: [rule],
    });
  };
  if (realms.grantedBy(identity, MINT_TOKEN, realm) === undefined) {
    const message = "unknown realm or no permission to use service accounts there";
    throw deny(message, { rule: `${MINT_TOKEN} in ${realm}`, failed: "caller" });
  }
  if (realms.grantedBy(`user:${account}`, EXIST_IN_REALM, realm) === undefined) {
    const message = `the service account ${JSON.stringify(account)} is not in the realm ${JSON.stringify(realm)}`;
    throw deny(message, { rule: `${EXIST_IN_REALM} in ${realm}`, failed: "service_account" });
  }
  // From here on: the caller may use accounts of the realm, and this is one.
  if (accountMapping.usesProjectAccount(project)) return { delegates: projectDelegates(project, policy) };
  if (!accountMapping.allows(project, account)) {
    const what = `the service account ${JSON.stringify(account)} is not allowed to be used by the project`;
    const message = `${what} ${JSON.stringify(project)} per project_owned_accounts.cfg configuration`;
    throw deny(message, { rule: "project_owned_accounts.cfg", failed: "mapping" });
  }
  return { delegates: [] };
}

/** The server acts as the project's account, and that one as the wanted account. The server's own project has none. */
function projectDelegates(project: string, { projectIdentities }: AccountPolicy): readonly string[] {
  if (project === INTERNAL_PROJECT) return [];
  const account = projectIdentities.get(project);
  if (account !== undefined) return [account];
  throw refuseCall(Code.InvalidArgument, `project-scoped account for project ${project} is not configured`);
}
