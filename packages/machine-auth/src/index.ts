export { authenticate, type AuthenticateOptions, type Authentication } from "./authenticate.js";
export { TokenRejected, type TokenRejectedCode, TrustUnavailable, type TrustUnavailableCode } from "./errors.js";
export { isIdentity } from "./identity.js";
export { type MachineTokenVerifier, machineTokenVerifier, type VerifierOptions } from "./machine-token-verifier.js";
export { type Revocation, Revocations, type RevokedSubject } from "./revocations.js";
export { type Trust, trustFromCertificates } from "./trust.js";
export { fixedTrust, trustFromServer, type TrustSource } from "./trust-source.js";
export {
  type MachineIdentity,
  type TokenExpectations,
  verifyMachineToken,
  type VerifyOptions,
} from "./verify-machine-token.js";
