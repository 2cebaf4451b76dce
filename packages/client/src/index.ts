export type { DelegationRequest } from "./delegation-exchange.js";
export type {
  AccountAccessRequest,
  AccountIdRequest,
  AccountTokenRequest,
  AccountUse,
  ProjectAccessRequest,
} from "./account-exchange.js";
export { type DelegationToken, DelegationTokens, type DelegationTokensOptions } from "./delegation-tokens.js";
export { MachineKeyError, MintError, type MintErrorCode, type MintErrorDetails } from "./errors.js";
export { type Fetch, fetchWithToken } from "./fetch-with-token.js";
export { type LoadKeyOptions, loadMachineKey, type MachineKey } from "./machine-key.js";
export { MachineTokenSource, type MachineTokenSourceOptions } from "./machine-token-source.js";
export type { KeeperOptions, KeptToken } from "./kept-tokens.js";
export type { MintedMachineToken } from "./mint-response.js";
export { type ProjectToken, ProjectTokens, type ProjectTokensOptions } from "./project-tokens.js";
export { ServiceAccountTokens, type ServiceAccountTokensOptions } from "./service-account-tokens.js";
export { TokenClient } from "./token-client.js";
export { TokenFileSource, type TokenFileSourceOptions } from "./token-file-source.js";
export { tokenInterceptor } from "./token-interceptor.js";
export type { TokenSource } from "./token-source.js";
