export { MachineKeyError, MintError, type MintErrorCode, type MintErrorDetails } from "./errors.js";
export { type Fetch, fetchWithToken } from "./fetch-with-token.js";
export { type LoadKeyOptions, loadMachineKey, type MachineKey } from "./machine-key.js";
export { MachineTokenSource, type MachineTokenSourceOptions } from "./machine-token-source.js";
export type { MintedMachineToken } from "./mint-response.js";
export { TokenClient } from "./token-client.js";
export { TokenFileSource, type TokenFileSourceOptions } from "./token-file-source.js";
export { tokenInterceptor } from "./token-interceptor.js";
export type { TokenSource } from "./token-source.js";
