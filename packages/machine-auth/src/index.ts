export {
  type Authentication,
  type Authenticator,
  authenticator,
  type AuthenticatorOptions,
  type ConfirmedCaller,
  type Credentials,
} from "./authenticate.js";
export {
  PermissionDenied,
  TokenRejected,
  type TokenRejectedCode,
  TrustUnavailable,
  type TrustUnavailableCode,
} from "./errors.js";
export type { GroupLookup } from "./groups.js";
export { isIdentity } from "./identity.js";
export { type MachineTokenVerifier, machineTokenVerifier, type VerifierOptions } from "./machine-token-verifier.js";
export type { Revocation, Revocations, RevokedSubject } from "./revocations.js";
export { type Trust, trustFromCertificates } from "./trust.js";
export { fixedTrust, trustFromServer, type TrustSource } from "./trust-source.js";
export { type Delegation, verifyDelegationToken, type VerifyDelegationOptions } from "./verify-delegation-token.js";
export {
  type MachineIdentity,
  type TokenExpectations,
  verifyMachineToken,
  type VerifyOptions,
} from "./verify-machine-token.js";
