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
export { type ServerTrustOptions, trustFromFile, trustFromServer, type TrustOptions } from "./open-trust.js";
export type { TrustOrigin, TrustRefresh } from "./refreshed-trust.js";
export type { Trust } from "./trust.js";
export { trustFromDocument, type TrustDocumentOptions } from "./trust-document.js";
export { fixedTrust, type TrustSource } from "./trust-source.js";
export { type Delegation, verifyDelegationToken, type VerifyDelegationOptions } from "./verify-delegation-token.js";
export {
  type MachineIdentity,
  type TokenExpectations,
  verifyMachineToken,
  type VerifyOptions,
} from "./verify-machine-token.js";
