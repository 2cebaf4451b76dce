import { Code } from "@connectrpc/connect";
import { refuseCall } from "../errors.js";
import type { Caller } from "./caller.js";
import { identityProblem } from "./canonical-identity.js";
import type { Groups } from "./groups.js";

/** The header with which a LUCI service says that it acts for a project. */
export const PROJECT_HEADER = "X-Luci-Project";

/** Services that may act for any project. */
const LUCI_SERVICES = "auth-luci-services";

/** The caller of a call whose peer acts for a project. Throws a Refusal for a peer that may not. */
export function actForProject(peer: string, project: string, groups: Groups): Caller {
  if (!groups.has(LUCI_SERVICES, peer)) {
    const detail = `${peer} is not in group ${LUCI_SERVICES}`;
    throw refuseCall(Code.PermissionDenied, `the caller may not use ${PROJECT_HEADER}`, detail);
  }
  const identity = `project:${project}`;
  const problem = identityProblem(identity);
  if (problem !== undefined) throw refuseCall(Code.Unauthenticated, `bad ${PROJECT_HEADER}: ${problem}`);
  return { identity, peer };
}
