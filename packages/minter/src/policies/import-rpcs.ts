import { create } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import {
  type ImportedConfigs,
  ImportedConfigsSchema,
  type ImportPoliciesResponse,
  ImportPoliciesResponseSchema,
} from "@tokens/api/admin";
import { refuseCall } from "../errors.js";
import type { PoliciesInForce, PolicyImport } from "./policies-in-force.js";
import { describeProblem, PolicyError } from "./policy-problem.js";

/** The import RPCs of LUCI's Admin service: each imports all files, for they make one policy. */
export interface ImportRpcs {
  importCAConfigs(): Promise<ImportedConfigs>;
  importDelegationConfigs(): Promise<ImportedConfigs>;
  importProjectIdentityConfigs(): Promise<ImportedConfigs>;
  importProjectOwnedAccountsConfigs(): Promise<ImportedConfigs>;
}

/** Makes the import RPCs of the Admin service. */
export function importRpcs(policies: PoliciesInForce): ImportRpcs {
  const importAll = async () => {
    const { revision } = await importOrRefuse(policies);
    return create(ImportedConfigsSchema, { revision });
  };
  return {
    importCAConfigs: importAll,
    importDelegationConfigs: importAll,
    importProjectIdentityConfigs: importAll,
    importProjectOwnedAccountsConfigs: importAll,
  };
}

/** Makes the RPC ImportPolicies, which says what it did. */
export function importPoliciesRpc(policies: PoliciesInForce): () => Promise<ImportPoliciesResponse> {
  return async () => {
    const { revision, changes, warnings } = await importOrRefuse(policies);
    return create(ImportPoliciesResponseSchema, {
      revision,
      changes: [...changes],
      warnings: warnings.map(describeProblem),
    });
  };
}

/** Operators get to see every error: they wrote the files. */
async function importOrRefuse(policies: PoliciesInForce): Promise<PolicyImport> {
  try {
    return await policies.import();
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error;
    throw refuseCall(
      Code.FailedPrecondition,
      `the policy files cannot be used:\n${error.message}`,
      error.message,
      error,
    );
  }
}
