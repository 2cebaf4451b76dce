export { MachineKeyError, MintError, type MintErrorCode, type MintErrorDetails } from "./errors.js";
export { loadMachineKey, type MachineKey } from "./machine-key.js";
export type { MintedMachineToken } from "./mint-response.js";
export { TokenClient } from "./token-client.js";
